/*
 * loop - the bare limit: the least that any broker of this shape must do, and nothing else.
 *
 * A ROUTER on ipc, a publisher and a consumer, three processes. Each turn of the loop takes what is
 * there (it never waits for more), appends it to the log, syncs once, then forwards the messages to
 * the consumer, acknowledges to the publisher, and confirms settlements to the consumer. The
 * consumer settles what it has taken in one frame; each settlement is a record of 32 bytes in the
 * log, of the batch in which it comes. Acknowledgements and confirmations are running totals. No
 * routes, no duplicates, no leases, no ledger, no recovery.
 *
 * The log is one file, written full of zeros before, used round and round, as a recycled segment is.
 * A record is a head of 32 bytes {number u64, length u32, CRC-32C u32, zeros} and the payload; a
 * frame of 64 messages is one record. A settlement is a head whose length is 0.
 *
 *	loop --dir DIR [--messages N] [--batch N] [--size BYTES] [--pace PER-SECOND]
 *
 * Prints the JSON line of measure.h.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include "bench/measure.h"
#include "lib/base/crc32c.h"

#define LOG_BYTES    (64u << 20)
#define TURN_HEADS   4096u	 /* most records of one turn, and one frame's */
#define TURN_BYTES   (16u << 20) /* most payload of one turn, about */
#define PIECES	     1024u	 /* of one vectored write: IOV_MAX */
#define HEAD	     32u	 /* bytes of a record's head */
#define WINDOW	     4096u	 /* most messages without acknowledgement */
#define SETTLE_MAX   4096u	 /* most settlements in a frame */
#define SILENCE	     60000	 /* ms without anything: somebody has failed */
#define SOCKET_BYTES (1 << 20)	 /* the kernel's buffers */

typedef struct options {
	const char *dir;
	char endpoint[64];
	uint64_t messages, batch, pace;
	size_t size;
} options;

typedef struct head {
	uint64_t number;
	uint32_t length, crc;
	uint64_t zeros[2];
} head;

_Static_assert(sizeof(head) == HEAD, "a settlement is 32 bytes");

/* ---- sockets ---- */

static void
set(void *socket, int option, int value)
{
	bench_must(zmq_setsockopt(socket, option, &value, sizeof value) == 0,
	    "cannot set up a socket");
}

static void *
open_socket(void *context, int type, const char *name)
{
	void *socket = zmq_socket(context, type);
	bench_must(socket != NULL, "cannot make a socket");
	set(socket, ZMQ_SNDHWM, 0);
	set(socket, ZMQ_RCVHWM, 0);
	set(socket, ZMQ_RCVTIMEO, SILENCE);
	set(socket, ZMQ_SNDBUF, SOCKET_BYTES);
	set(socket, ZMQ_RCVBUF, SOCKET_BYTES);
	if (name != NULL)
		bench_must(
		    zmq_setsockopt(socket, ZMQ_ROUTING_ID, name, strlen(name)) == 0,
		    "cannot name a socket");
	return socket;
}

static void *
connect_as(void *context, const options *how, const char *name)
{
	void *socket = open_socket(context, ZMQ_DEALER, name);
	bench_must(
	    zmq_connect(socket, how->endpoint) == 0, "cannot connect to the loop");
	return socket;
}

static void
close_all(void *context, void *socket)
{
	(void) zmq_close(socket);
	(void) zmq_ctx_term(context);
}

/* ---- the loop ---- */

typedef struct loop {
	void *socket;
	int log;
	size_t offset;	   /* where the next record goes */
	zmq_msg_t *frames; /* this turn's messages, to be forwarded */
	size_t frame_count;
	head *heads; /* this turn's records of either kind */
	size_t head_count;
	struct iovec *pieces; /* this turn's writes */
	size_t piece_count;
	size_t bytes;		   /* of this turn's pieces */
	uint64_t stored, settled;  /* messages, in all */
	uint64_t size;		   /* of one message */
	bool published, confirmed; /* did this turn bring any? */
} loop;

static void
open_log(loop *l, const char *dir)
{
	char path[4096];
	char *zeros = calloc(1, 1u << 20);
	(void) snprintf(path, sizeof path, "%s/loop-%d.log", dir, (int) getpid());
	l->log = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bench_must(l->log >= 0 && zeros != NULL, "cannot make the log");
	(void) unlink(path);
	for (size_t at = 0; at < LOG_BYTES; at += 1u << 20)
		bench_must(
		    write(l->log, zeros, 1u << 20) == 1 << 20, "cannot write the log");
	bench_must(fsync(l->log) == 0 && lseek(l->log, 0, SEEK_SET) == 0,
	    "cannot sync the log");
	free(zeros);
}

static void
open_loop(loop *l, void *context, const options *how)
{
	*l = (loop){.size = how->size,
	    .frames = calloc(TURN_HEADS, sizeof *l->frames),
	    .heads = calloc(TURN_HEADS + SETTLE_MAX, sizeof *l->heads),
	    .pieces = calloc(2 * TURN_HEADS, sizeof *l->pieces),
	    .socket = open_socket(context, ZMQ_ROUTER, NULL)};
	bench_must(l->frames != NULL && l->heads != NULL && l->pieces != NULL,
	    "no memory for the loop");
	set(l->socket, ZMQ_ROUTER_MANDATORY, 1);
	open_log(l, how->dir);
	bench_must(zmq_bind(l->socket, how->endpoint) == 0, "cannot bind");
}

static void
add_piece(loop *l, const void *bytes, size_t length)
{
	l->pieces[l->piece_count++] =
	    (struct iovec){.iov_base = (void *) (uintptr_t) bytes, .iov_len = length};
	l->bytes += length;
}

static void
take_message(loop *l, zmq_msg_t *frame)
{
	size_t length = zmq_msg_size(frame);
	const void *payload = zmq_msg_data(frame);
	head *record = &l->heads[l->head_count++];
	*record = (head){.number = l->stored,
	    .length = (uint32_t) length,
	    .crc = ph_crc32c(0, payload, length)};
	add_piece(l, record, sizeof *record);
	add_piece(l, payload, length);
	l->stored += length / l->size;
	l->published = true;
}

static void
take_settlements(loop *l, zmq_msg_t *frame)
{
	const char *numbers = zmq_msg_data(frame); /* not aligned */
	size_t count = zmq_msg_size(frame) / sizeof(uint64_t);
	head *first = &l->heads[l->head_count];
	for (size_t i = 0; i < count; i++) {
		head *record = &first[i];
		*record = (head){.length = 0};
		memcpy(&record->number, numbers + i * sizeof record->number,
		    sizeof record->number);
		record->crc = ph_crc32c(0, record, sizeof *record);
	}
	l->head_count += count;
	if (count > 0)
		add_piece(l, first, count * sizeof *first);
	l->settled += count;
	l->confirmed = true;
}

/* One frame of whoever it is, if there is one or we may wait. */
static bool
take(loop *l, int flags)
{
	char peer;
	if (zmq_recv(l->socket, &peer, 1, flags) < 0)
		return false;
	zmq_msg_t *frame = &l->frames[l->frame_count];
	(void) zmq_msg_init(frame);
	bench_must(zmq_msg_recv(frame, l->socket, 0) >= 0, "half a frame");
	if (peer == 'p') {
		l->frame_count++;
		take_message(l, frame);
		return true;
	}
	take_settlements(l, frame);
	(void) zmq_msg_close(frame);
	return true;
}

static void
commit(loop *l)
{
	if (l->offset + l->bytes > LOG_BYTES) {
		l->offset = 0;
		bench_must(lseek(l->log, 0, SEEK_SET) == 0, "cannot go round the log");
	}
	l->offset += l->bytes;
	for (size_t at = 0; at < l->piece_count; at += PIECES) {
		size_t count = l->piece_count - at;
		if (count > PIECES)
			count = PIECES;
		ssize_t wrote = writev(l->log, &l->pieces[at], (int) count);
		bench_must(wrote > 0, "cannot write the log");
		l->bytes -= (size_t) wrote;
	}
	bench_must(l->bytes == 0, "the log took only a part");
	bench_must(fdatasync(l->log) == 0, "cannot sync the log");
}

static void
send_total(loop *l, const char *peer, uint64_t total)
{
	bench_must(zmq_send(l->socket, peer, 1, ZMQ_SNDMORE) == 1 &&
		       zmq_send(l->socket, &total, sizeof total, 0) > 0,
	    "somebody is gone");
}

static void
answer(loop *l)
{
	for (size_t i = 0; i < l->frame_count; i++)
		bench_must(zmq_send(l->socket, "c", 1, ZMQ_SNDMORE) == 1 &&
			       zmq_msg_send(&l->frames[i], l->socket, 0) >= 0,
		    "the consumer is gone");
	if (l->published)
		send_total(l, "p", l->stored);
	if (l->confirmed)
		send_total(l, "c", l->settled);
}

static void
turn(loop *l)
{
	l->frame_count = l->head_count = l->piece_count = l->bytes = 0;
	l->published = l->confirmed = false;
	bench_must(take(l, 0), "nothing more comes to the loop");
	while (l->head_count < TURN_HEADS && l->bytes < TURN_BYTES) {
		if (!take(l, ZMQ_DONTWAIT))
			break;
	}
	commit(l);
	answer(l);
}

/* The process of the loop: ends when everything is settled. `bound` hears that it is there. */
static int
serve(const options *how, int bound)
{
	loop l;
	void *context = zmq_ctx_new();
	open_loop(&l, context, how);
	bench_must(write(bound, "b", 1) == 1, "nobody waits for the loop");
	while (l.settled < how->messages)
		turn(&l);
	close_all(context, l.socket);
	free(l.frames);
	free(l.heads);
	free(l.pieces);
	return close(l.log);
}

/* ---- the consumer ---- */

typedef struct taken {
	uint64_t numbers[SETTLE_MAX]; /* to be settled */
	size_t count;
	uint64_t delivered, confirmed; /* messages, in all */
} taken;

/* One frame: messages or a confirmation, which is 8 bytes. */
static bool
take_delivery(
    taken *t, void *socket, int flags, const options *how, bench_report *report)
{
	zmq_msg_t frame;
	(void) zmq_msg_init(&frame);
	bool came = zmq_msg_recv(&frame, socket, flags) >= 0;
	const char *bytes = zmq_msg_data(&frame);
	size_t length = came ? zmq_msg_size(&frame) : 0;
	if (length == sizeof t->confirmed)
		memcpy(&t->confirmed, bytes, sizeof t->confirmed);
	for (size_t at = 0; at + how->size <= length; at += how->size) {
		bench_delivered(report, how->pace, bytes + at);
		t->numbers[t->count++] = t->delivered++;
	}
	(void) zmq_msg_close(&frame);
	return came;
}

static double
consume(void *argument, bench_report *report)
{
	const options *how = argument;
	void *context = zmq_ctx_new();
	void *socket = connect_as(context, how, "c");
	taken *t = calloc(1, sizeof *t);
	bench_must(t != NULL, "no memory for the consumer");
	/* an empty frame of settlements: the loop knows us before anything is forwarded */
	bench_must(zmq_send(socket, "", 0, 0) == 0, "cannot greet the loop");
	(void) take_delivery(t, socket, 0, how, report);
	bench_ready(report);
	double first = 0;
	while (t->confirmed < how->messages) {
		bench_must(take_delivery(t, socket, 0, how, report),
		    "nothing more comes to the consumer");
		if (first == 0)
			first = bench_now();
		while (t->count + how->batch <= SETTLE_MAX &&
		       take_delivery(t, socket, ZMQ_DONTWAIT, how, report))
			;
		if (t->count > 0)
			bench_must(zmq_send(socket, t->numbers,
				       t->count * sizeof *t->numbers, 0) > 0,
			    "cannot settle");
		t->count = 0;
	}
	double seconds = bench_now() - first;
	close_all(context, socket);
	free(t);
	return seconds;
}

/* ---- the publisher ---- */

static bool
take_ack(void *socket, int flags, bench_pacer *pacer, bench_report *report)
{
	uint64_t total;
	if (zmq_recv(socket, &total, sizeof total, flags) != sizeof total)
		return false;
	bench_pacer_acked(pacer, total, report);
	return true;
}

/* Until the next message is due: whole milliseconds hear acknowledgements, the rest is slept. */
static void
wait_until_due(void *socket, double seconds, bench_pacer *pacer, bench_report *report)
{
	zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
	if (seconds < 0.001) {
		while (take_ack(socket, ZMQ_DONTWAIT, pacer, report))
			;
		bench_sleep(seconds);
	} else if (zmq_poll(&item, 1, (long) (seconds * 1000)) > 0) {
		(void) take_ack(socket, ZMQ_DONTWAIT, pacer, report);
	}
}

static double
publish(void *argument, bench_report *report)
{
	const options *how = argument;
	void *context = zmq_ctx_new();
	void *socket = connect_as(context, how, "p");
	size_t length = how->size * how->batch;
	char *payload = malloc(length);
	bench_pacer pacer;
	bench_must(payload != NULL, "no memory for the publisher");
	memset(payload, 'x', length);
	bench_pacer_init(&pacer, how->pace, how->messages);
	for (uint64_t number = 0; number < how->messages;) {
		double wait = bench_pacer_wait(&pacer, number);
		if (wait > 0) {
			wait_until_due(socket, wait, &pacer, report);
			continue;
		}
		if (number + how->batch - pacer.acked > WINDOW) {
			bench_must(take_ack(socket, 0, &pacer, report),
			    "nothing more is acknowledged");
			continue;
		}
		for (uint64_t i = 0; i < how->batch; i++)
			bench_pacer_stamp(&pacer, number + i, payload + i * how->size);
		bench_must(zmq_send(socket, payload, length, 0) > 0, "cannot publish");
		number += how->batch;
	}
	while (pacer.acked < how->messages)
		bench_must(take_ack(socket, 0, &pacer, report),
		    "nothing more is acknowledged");
	double seconds = bench_now() - pacer.started;
	bench_pacer_fini(&pacer);
	close_all(context, socket);
	free(payload);
	return seconds;
}

int
main(int argc, char **argv)
{
	options how = {.dir = bench_option(argv, "--dir", NULL),
	    .messages = bench_number(argv, "--messages", 200000),
	    .batch = bench_number(argv, "--batch", 1),
	    .pace = bench_number(argv, "--pace", 0),
	    .size = bench_number(argv, "--size", 1024)};
	int bound[2];
	char byte;
	if (how.dir == NULL || argc % 2 == 0 || how.batch < 1 || how.batch > WINDOW ||
	    how.size <= sizeof(double) || how.size * how.batch > TURN_BYTES) {
		(void) fprintf(stderr,
		    "usage: loop --dir DIR [--messages N] [--batch N] "
		    "[--size BYTES] [--pace PER-SECOND]\n");
		return 2;
	}
	how.messages -= how.messages % how.batch;
	(void) snprintf(how.endpoint, sizeof how.endpoint,
	    "ipc:///tmp/packhorse-loop-%d", (int) getpid());
	bench_must(pipe(bound) == 0, "cannot make a pipe");
	pid_t child = fork();
	if (child == 0)
		_exit(serve(&how, bound[1]) != 0);
	(void) close(bound[1]);
	bench_must(read(bound[0], &byte, 1) == 1, "the loop has failed");
	bench_pair(consume, publish, &how, how.messages);
	(void) waitpid(child, NULL, 0);
	(void) unlink(how.endpoint + strlen("ipc://"));
	return 0;
}
