/*
 * How it works: a peer is read into `in`; each whole line is one request. While one is answered
 * (`busy`) nothing more is read, so a peer cannot pile up questions. Answers gather in `out` and
 * are written at once as far as the socket takes them, the rest when it can be written again.
 *
 * A peer that hangs up while its answer is under way is kept, without a descriptor, until the end
 * of the answer came.
 */
#include "broker/control_part.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <jansson.h>

#include "lib/base/assert.h"
#include "lib/base/os.h"

#define PEER_MAGIC 0x50484350u /* "PHCP" */
#define OUT_MOST   (64u << 20)

static void
free_peer(ph_control_peer *peer)
{
	ph_control_peer **at = &peer->control->peers;
	while (*at != peer)
		at = &(*at)->next;
	*at = peer->next;
	peer->control->count--;
	ph_buffer_fini(&peer->in);
	ph_buffer_fini(&peer->out);
	peer->magic = 0;
	free(peer);
}

/* Close the descriptor; the peer itself goes when nothing is under way. */
static void
hang_up(ph_control_peer *peer)
{
	if (peer->fd >= 0) {
		ph_loop_forget_fd(peer->control->loop, peer->fd);
		close(peer->fd);
		peer->fd = -1;
	}
	if (!peer->busy && !peer->reading)
		free_peer(peer);
}

static void on_peer(void *self, int fd, short revents);

/* Wait for what makes sense now: more to write, or a next request. */
static void
watch(ph_control_peer *peer)
{
	short events = 0;
	if (peer->out.length > 0)
		events |= POLLOUT;
	if (!peer->busy && !peer->finished && peer->out.length == 0)
		events |= POLLIN;
	if (ph_loop_fd(peer->control->loop, peer->fd, events, on_peer, peer, NULL) !=
	    PH_OK)
		hang_up(peer);
}

/* Write as much as goes. False: the peer is gone. */
static bool
write_out(ph_control_peer *peer)
{
	size_t done = 0;
	while (done < peer->out.length) {
		ssize_t sent = send(peer->fd, peer->out.data + done,
		    peer->out.length - done, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno == EAGAIN)
			break;
		if (sent < 0)
			return false;
		done += (size_t) sent;
	}
	if (done == peer->out.length)
		ph_buffer_clear(&peer->out);
	else if (done > 0) {
		memmove(peer->out.data, peer->out.data + done, peer->out.length - done);
		peer->out.length -= done;
	}
	return true;
}

void
ph_control_row(ph_control_peer *peer, const char *json, size_t length)
{
	PH_ASSERT(peer->magic == PEER_MAGIC && peer->busy);
	if (peer->fd < 0)
		return;
	ph_buffer_append(&peer->out, json, length);
	ph_buffer_u8(&peer->out, '\n');
}

/* --- requests --- */

/* Take whole lines while nothing is being answered. False: too long a line. */
static bool
take_lines(ph_control_peer *peer)
{
	size_t at = 0;
	peer->reading = true;
	while (!peer->busy && peer->fd >= 0 && at < peer->in.length) {
		const uint8_t *start = peer->in.data + at;
		const uint8_t *end = memchr(start, '\n', peer->in.length - at);
		if (end == NULL)
			break;
		size_t length = (size_t) (end - start);
		at += length + 1;
		if (length == 0)
			continue;
		peer->busy = true;
		peer->control->answer(peer, (const char *) start, length);
	}
	peer->reading = false;
	if (at > 0) {
		memmove(peer->in.data, peer->in.data + at, peer->in.length - at);
		peer->in.length -= at;
	}
	return peer->busy || peer->in.length <= peer->control->line_most;
}

/* After anything happened: go on with the lines there are, write, wait; or let go. */
static void
go_on(ph_control_peer *peer)
{
	if (!peer->busy && peer->fd >= 0 && !take_lines(peer)) {
		static const char refused[] =
		    "{\"end\":true,\"exit\":1,\"error\":{\"status\":\"too-large\","
		    "\"where\":"
		    "\"\",\"text\":\"PH7032 the request is longer than allowed\"}}\n";
		ph_buffer_append(&peer->out, refused, sizeof refused - 1);
		peer->finished = true;
		ph_buffer_clear(&peer->in);
	}
	if (peer->fd < 0 || peer->out.failed || !write_out(peer) ||
	    (peer->finished && !peer->busy && peer->out.length == 0))
		hang_up(peer);
	else
		watch(peer);
}

void
ph_control_end(ph_control_peer *peer, const ph_error *err)
{
	PH_ASSERT(peer->magic == PEER_MAGIC && peer->busy);
	json_t *line = err == NULL ? json_pack("{s:b, s:i}", "end", 1, "exit", 0)
				   : json_pack("{s:b, s:i, s:{s:s, s:s, s:s}}", "end",
					 1, "exit", err->status == PH_ERR_USAGE ? 2 : 1,
					 "error", "status", ph_status_name(err->status),
					 "where", err->where, "text", err->text);
	char *text = line != NULL ? json_dumps(line, JSON_COMPACT) : NULL;
	json_decref(line);
	if (text != NULL)
		ph_control_row(peer, text, strlen(text));
	else
		peer->out.failed = true;
	free(text);
	peer->busy = false;
	peer->splice = false;
	if (!peer->reading)
		go_on(peer);
}

/* Read what is there. False: the connection is broken. */
static bool
read_in(ph_control_peer *peer)
{
	char bytes[16384];
	ssize_t got = recv(peer->fd, bytes, sizeof bytes, 0);
	if (got < 0)
		return errno == EINTR || errno == EAGAIN;
	if (got == 0)
		peer->finished = true;
	ph_buffer_append(&peer->in, bytes, (size_t) got);
	return !peer->in.failed;
}

static void
on_peer(void *self, int fd, short revents)
{
	ph_control_peer *peer = PH_CAST(ph_control_peer, self, PEER_MAGIC);
	(void) fd;
	bool alive = true;
	/* The loop tells that the other side has hung up as readable, also where nothing is read. */
	if ((revents & POLLIN) != 0)
		alive = !peer->busy && !peer->finished && read_in(peer);
	if (!alive)
		hang_up(peer);
	else
		go_on(peer);
}

void
ph_control_peer_add(ph_control *control, int fd)
{
	ph_control_peer *peer = calloc(1, sizeof *peer);
	if (peer == NULL) {
		close(fd);
		return;
	}
	peer->magic = PEER_MAGIC;
	peer->control = control;
	peer->fd = fd;
	peer->uid = (uid_t) -1;
	(void) ph_os_peer(fd, &peer->uid, &peer->pid, NULL);
	ph_buffer_init(&peer->in, control->line_most + 32768);
	ph_buffer_init(&peer->out, OUT_MOST);
	peer->next = control->peers;
	control->peers = peer;
	control->count++;
	watch(peer);
}

void
ph_control_peer_close(ph_control_peer *peer)
{
	if (peer->fd >= 0)
		(void) write_out(peer);
	peer->busy = false;
	peer->reading = false;
	hang_up(peer);
}
