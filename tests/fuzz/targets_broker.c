/*
 * targets_broker - what a whole broker is told: by the peers of the bus, by the control socket, by
 * its own checkpoint. Every input finds a fresh state, but the control socket's: there it goes on.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <packhorse/client.h>

#include "broker/broker.h"
#include "broker/checkpoint_state.h"
#include "broker/commit.h"
#include "broker/dispatch.h"
#include "broker/greet.h"
#include "broker/lifecycle.h"
#include "broker/state.h"
#include "lib/base/assert.h"
#include "lib/base/log.h"
#include "lib/base/os.h"
#include "tests/fuzz/folder.h"
#include "tests/fuzz/targets.h"

#define FRAMES_MOST 64 /* of one input */
#define PATIENCE_MS 60000

#define PLACE_SEQUENCE 12 /* offset of the sequence in the section PLACE */

/* ---- a broker ---- */

static void
put(const char *site, const char *name, const char *text)
{
	char path[PH_FUZZ_PATH];
	(void) snprintf(path, sizeof path, "%s/%s", site, name);
	ph_fuzz_put(path, text, strlen(text));
}

static void
make_site(const char *site)
{
	static const char *const folders[] = {"", "/adapters", "/routes"};
	char path[PH_FUZZ_PATH];
	for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
		(void) snprintf(path, sizeof path, "%s%s", site, folders[i]);
		ph_fuzz_make(path);
	}
	put(site, "packhorse.yaml",
	    "state: state\nrun: run\npaths: {host: /bin/true}\n"
	    "queues: {bench: {}, other: {}}\n"
	    "limits: {segment-bytes: 1M, reserve-bytes: 1M, queue-memory: 10}\n");
	put(site, "adapters/vendor.yaml",
	    "adapter: vendor\ntransport: none\nenabled: false\noriginates: [thing]\n");
	put(site, "adapters/twice.yaml",
	    "adapter: twice\ntransport: none\nenabled: false\nidempotent: true\n");
	put(site, "routes/all.yaml",
	    "routes:\n  - {route: bench, when: {type: bench.*}, to: [bench]}\n"
	    "  - {route: vendor, when: {type: thing.*}, to: [vendor, twice]}\n");
}

/* On the site of that name, with whatever state there is. */
static ph_broker *
start(const char *name)
{
	char path[PH_FUZZ_PATH];
	ph_site *site = NULL;
	ph_broker *broker = NULL;
	ph_error err = {.status = PH_OK};
	ph_status status = ph_site_load(ph_fuzz_path(name, path), &site, &err);
	if (status == PH_OK)
		status = ph_broker_new(
		    &site, &(ph_broker_seams){.alone = true}, &broker, &err);
	if (status != PH_OK)
		(void) fprintf(stderr, "%s: %s\n", err.where, err.text);
	PH_ASSERT(status == PH_OK);
	return broker;
}

/* ---- what peers say ---- */

/* One frame from the peer of that number, its bytes in a holder as the socket has them. */
static void
hear(ph_broker *broker, uint8_t peer, const void *bytes, size_t length)
{
	void *room = NULL;
	ph_holder *holder = ph_holder_new(length == 0 ? 1 : length, NULL, &room);
	PH_ASSERT(holder != NULL);
	if (length > 0)
		memcpy(room, bytes, length);
	ph_received received = {.peer = {.length = 1, .bytes = {peer}},
	    .bytes = room,
	    .length = length,
	    .holder = holder};
	ph_greet_frame(broker, &received);
	ph_holder_unref(&holder);
}

static void
say_hello(ph_broker *broker, uint8_t peer, uint8_t role, const char *name)
{
	char token[PH_TOKEN_TEXT];
	ph_buffer frame;
	ph_status status = ph_tokens_grant(broker->tokens, role, name, token, NULL);
	PH_ASSERT(status == PH_OK);
	ph_buffer_init(&frame, PH_FRAME_MAX);
	ph_frame_begin(&frame, PH_FRAME_HELLO, 0);
	ph_buffer_u16(&frame, PH_PROTOCOL_VERSION);
	ph_buffer_u16(&frame, PH_PROTOCOL_VERSION);
	ph_buffer_u8(&frame, role);
	ph_buffer_u8(&frame, PH_HELLO_CAN_PROBE);
	ph_buffer_string(&frame, name);
	ph_buffer_string(&frame, token);
	ph_buffer_string(&frame, "instance");
	hear(broker, peer, frame.data, frame.length);
	ph_buffer_fini(&frame);
	PH_ASSERT(ph_sessions_count(broker->sessions, role) > 0);
}

static bool
is_waiting(ph_broker *broker)
{
	size_t cursor = 0;
	const ph_session *at;
	while ((at = ph_sessions_next(broker->sessions, &cursor)) != NULL)
		if (at->parked != NULL)
			return true;
	return false;
}

/* Instead of a turn's end: what there is to say to peers that are none stays. */
static bool
say_nothing(void *self)
{
	(void) self;
	return false;
}

/* What waits for the ledger gets its answer; what is ready goes out, as far as there is credit. */
static void
hand_out(ph_broker *broker)
{
	ph_status status = ph_broker_flush(broker);
	PH_ASSERT(status == PH_OK);
	ph_ledger_durable(broker->ledger, ph_store_durable(broker->store));
	int64_t end_ms = ph_clock_mono(broker->clock) + PATIENCE_MS;
	while (is_waiting(broker)) {
		PH_ASSERT(ph_clock_mono(broker->clock) < end_ms);
		(void) ph_loop_turn(broker->loop, 5, NULL);
	}
	ph_dispatch_all(broker);
	status = ph_broker_flush(broker);
	PH_ASSERT(status == PH_OK);
}

static void
hear_all(ph_broker *broker, const uint8_t *bytes, size_t length)
{
	ph_reader reader;
	ph_reader_init(&reader, bytes, length);
	for (unsigned i = 0; i < FRAMES_MOST && ph_reader_left(&reader) > 0; i++) {
		uint8_t peer = ph_reader_u8(&reader);
		if (peer == 0) {
			hand_out(broker);
			continue;
		}
		size_t most = ph_reader_u16(&reader);
		size_t left = ph_reader_left(&reader);
		size_t size = most < left ? most : left;
		hear(broker, peer, ph_reader_bytes(&reader, size), size);
	}
	hand_out(broker);
	PH_ASSERT(!broker->failed);
}

/*
 * A client (peer 1) and two hosts (2, 3) that have said hello; then for each frame its peer, its length
 * in two bytes, and the frame. Peer 0 says nothing: what is ready is handed out. What was recorded
 * can be started from, from the checkpoint or without it.
 */
void
ph_target_session(const uint8_t *bytes, size_t length)
{
	static bool made;
	if (!made)
		make_site("session");
	made = true;
	ph_log_threshold(PH_LOG_ERROR);
	ph_fuzz_remove("session/state");
	ph_broker *broker = start("session");
	ph_loop_before(broker->loop, say_nothing, NULL);
	say_hello(broker, 1, PH_ROLE_CLIENT, "client");
	say_hello(broker, 2, PH_ROLE_HOST, "vendor");
	say_hello(broker, 3, PH_ROLE_HOST, "twice");
	uint64_t written = broker->written;
	hear_all(broker, bytes, length);
	uint64_t messages = broker->counts.messages;
	written = broker->written - written;
	ph_broker_destroy(&broker);
	if (written == 0)
		return;
	if ((length & 1) != 0)
		ph_fuzz_remove("session/state/checkpoint");
	broker = start("session");
	PH_ASSERT(broker->counts.messages == messages);
	ph_broker_destroy(&broker);
}

/* ---- what a checkpoint says ---- */

/* Sections, each a tag, a byte that is odd if it is optional, its length in two bytes, its body. The
 * journal vouches for the sequence of the place, so that it is no larger than what there could be. */
static void
make_image(ph_buffer *image, const uint8_t *bytes, size_t length)
{
	ph_reader reader;
	ph_reader_init(&reader, bytes, length);
	ph_checkpoint_image_begin(image, 1, 0);
	for (unsigned i = 1; i < PH_CHECKPOINT_SECTIONS && ph_reader_left(&reader) > 0;
	     i++) {
		uint8_t tag = ph_reader_u8(&reader);
		uint8_t optional = ph_reader_u8(&reader);
		size_t most = ph_reader_u16(&reader);
		size_t left = ph_reader_left(&reader);
		size_t size = most < left ? most : left;
		size_t at =
		    ph_checkpoint_section_begin(image, tag, (optional & 1) != 0);
		size_t body = image->length;
		ph_buffer_append(image, ph_reader_bytes(&reader, size), size);
		if (tag == PH_CHECKPOINT_PLACE && size >= PLACE_SEQUENCE + 8)
			memset(image->data + body + PLACE_SEQUENCE + 3, 0, 5);
		ph_checkpoint_section_end(image, at);
	}
	ph_checkpoint_image_seal(image);
	PH_ASSERT(!image->failed);
}

static void
load_checkpoint(ph_broker *broker, const ph_buffer *image)
{
	ph_checkpoint_file file;
	ph_checkpoint_place place;
	ph_error err = {.status = PH_OK};
	ph_status status =
	    ph_checkpoint_file_parse(image->data, image->length, &file, &err);
	if (status == PH_OK)
		status = ph_checkpoint_state_place(broker, &file, &place, &err);
	if (status == PH_OK || status == PH_ERR_CONFLICT)
		status = ph_checkpoint_state_load(broker, &file, &err);
	PH_ASSERT(status == PH_OK || err.text[0] != '\0');
}

/* As a file as it is, and as sections in a file that is sealed. */
void
ph_target_checkpoint(const uint8_t *bytes, size_t length)
{
	static ph_broker *broker;
	ph_checkpoint_file file;
	ph_error err = {.status = PH_OK};
	if (ph_checkpoint_file_parse(bytes, length, &file, &err) != PH_OK)
		PH_ASSERT(strncmp(err.text, "PH534", 5) == 0);
	if (broker == NULL) {
		make_site("checkpoint");
		broker = start("checkpoint");
		ph_loop_forget_socket(broker->loop, ph_socket_handle(broker->router));
		ph_socket_destroy(&broker->router);
	}
	ph_buffer image;
	ph_buffer_init(&image, 0);
	make_image(&image, bytes, length);
	ph_status status = ph_state_forget(broker, NULL);
	PH_ASSERT(status == PH_OK);
	load_checkpoint(broker, &image);
	ph_buffer_fini(&image);
}

/* ---- what the control socket is asked ---- */

/* Turn the loop until the broker hangs up; what it has said goes nowhere. */
static void
hear_out(ph_broker *broker, int fd)
{
	char bytes[4096];
	int64_t end_ms = ph_clock_mono(broker->clock) + PATIENCE_MS;
	while (ph_clock_mono(broker->clock) < end_ms) {
		ph_status status = ph_loop_turn(broker->loop, 5, NULL);
		PH_ASSERT(status == PH_OK);
		ssize_t got;
		while ((got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
			;
		if (got == 0)
			return;
	}
	PH_UNREACHABLE("an answer that does not end");
}

static void
say(ph_broker *broker, ph_buffer *frame)
{
	PH_ASSERT(!frame->failed);
	hear(broker, 1, frame->data, frame->length);
	hand_out(broker);
	ph_buffer_clear(frame);
}

static void
publish(ph_broker *broker, ph_buffer *frame, const char *id, const char *type)
{
	const ph_attribute attributes[] = {
	    {"id", id, strlen(id)}, {"source", "s", 1}, {"type", type, strlen(type)}};
	ph_message *message = NULL;
	size_t length = 0;
	ph_status status = ph_message_new(attributes, 3, "{}", 2, &message, NULL);
	PH_ASSERT(status == PH_OK);
	const void *bytes = ph_message_bytes(message, &length);
	ph_frame_begin(frame, PH_FRAME_PUBLISH, 1);
	ph_frame_count(frame, 1);
	ph_buffer_u32(frame, (uint32_t) length + 2);
	ph_buffer_u16(frame, 0);
	ph_buffer_append(frame, bytes, length);
	say(broker, frame);
	ph_message_unref(&message);
}

/* Three messages, the first of which its subscriber does not want. */
static void
leave_messages(ph_broker *broker)
{
	ph_buffer frame;
	ph_buffer_init(&frame, PH_FRAME_MAX);
	say_hello(broker, 1, PH_ROLE_CLIENT, "client");
	publish(broker, &frame, "1", "bench.a");
	ph_frame_begin(&frame, PH_FRAME_SUBSCRIBE, 1);
	ph_buffer_string(&frame, "bench");
	ph_buffer_u32(&frame, 1);
	ph_buffer_u8(&frame, 0);
	say(broker, &frame);
	const ph_destination *bench =
	    ph_destinations_find(broker->destinations, "bench");
	ph_frame_begin(&frame, PH_FRAME_SETTLE, 0);
	ph_frame_count(&frame, 1);
	ph_settle_write_plain(
	    &frame, ph_delivery_number(ph_queue_number(bench->queue), 1), PH_REJECTED);
	say(broker, &frame);
	PH_ASSERT(ph_queue_count(bench->queue)->dead == 1);
	publish(broker, &frame, "2", "thing.made");
	publish(broker, &frame, "3", "bench.b");
	ph_buffer_fini(&frame);
}

/* Lines of requests, to a broker with a dead letter and messages that wait or are held. */
void
ph_target_control(const uint8_t *bytes, size_t length)
{
	static ph_broker *broker;
	char path[PH_FUZZ_PATH];
	int fd = -1;
	if (broker == NULL) {
		make_site("control");
		ph_log_threshold(PH_LOG_ERROR);
		broker = start("control");
		leave_messages(broker);
	}
	ph_status status =
	    ph_os_connect(ph_fuzz_path("control/run/control", path), &fd, NULL);
	PH_ASSERT(status == PH_OK);
	ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
	PH_ASSERT(sent == (ssize_t) length);
	(void) shutdown(fd, SHUT_WR);
	hear_out(broker, fd);
	(void) close(fd);
}
