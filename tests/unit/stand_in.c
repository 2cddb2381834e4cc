/*
 * stand_in - a host for tests of the broker: it speaks the session protocol and moves nothing.
 *
 * Reads its papers from descriptor 3, subscribes to its own queue and to `inbound`, and does with
 * each delivery what the file `behave-<adapter>` in the site says, looked at anew each time: words
 * of
 *   settle retry reject unknown   settle so (settle: with reference R-<number>, bound to the subject)
 *   hold                          hold it, until another word stands there
 *   die                           end at once, without a word
 *   probe                         (at the start) announce that it can probe
 *   inbound                       (at the start) mint, publish with binding and cursor, note the results
 * It notes what happens, a line each, in `notes-<adapter>`.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <packhorse/packhorse.h>

#include "lib/base/clock.h"
#include "lib/base/fs.h"
#include "lib/client/host.h"

#define HELD_MAX 64
#define ALONE_MS 60000

static char endpoint[256], token[128], adapter[64], site[256];
static uint64_t held[HELD_MAX];
static int64_t alone_since; /* without a broker since then; 0: with one */
static size_t held_count;

static void
read_papers(void)
{
	char papers[2048];
	size_t have = 0;
	ssize_t got;
	while ((got = read(3, papers + have, sizeof papers - 1 - have)) > 0)
		have += (size_t) got;
	papers[have] = 0;
	(void) sscanf(papers, "endpoint %255s\ntoken %127s\nadapter %63s\nsite %255s",
	    endpoint, token, adapter, site);
}

static void
note(const char *format, ...)
{
	char path[512], line[512];
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	(void) snprintf(path, sizeof path, "%s/notes-%s", site, adapter);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd < 0 || write(fd, line, (size_t) length) != length)
		exit(3);
	(void) close(fd);
}

static bool
told(const char *word)
{
	char path[512];
	char *words = NULL;
	size_t length = 0;
	(void) snprintf(path, sizeof path, "%s/behave-%s", site, adapter);
	if (ph_fs_slurp(path, 4096, &words, &length, NULL) != PH_OK)
		return false;
	bool found = strstr(words, word) != NULL;
	free(words);
	return found;
}

static void
fail(const char *what, const ph_error *err)
{
	note("failed %s: %s\n", what, err->text);
	exit(4);
}

static void
settle(ph_client *client, uint64_t delivery)
{
	char reference[32];
	ph_error err = {.status = PH_OK};
	ph_buffer bindings;
	ph_settle_view said = {.delivery = delivery,
	    .outcome = PH_DELIVERED,
	    .reference = {"", 0},
	    .stage = {"", 0},
	    .reason = {"", 0},
	    .path = {"", 0},
	    .text = {"", 0}};
	ph_buffer_init(&bindings, 0);
	if (told("retry"))
		said.outcome = PH_RETRY;
	else if (told("unknown"))
		said.outcome = PH_UNKNOWN;
	else if (told("reject")) {
		said.outcome = PH_REJECTED;
		said.stage = (ph_slice){"map", 3};
		said.reason = (ph_slice){"unknown-code", 12};
		said.path = (ph_slice){"service", 7};
		said.text = (ph_slice){"PH2000 no row for it", 20};
	} else {
		int length = snprintf(reference, sizeof reference, "R-%" PRIu64,
		    delivery & 0xffffffffffffu);
		said.reference = (ph_slice){reference, (size_t) length};
		ph_binding_write(&bindings, "service-request", adapter, reference, "");
		said.bindings = 1;
	}
	if (ph_client_settle_with(
		client, &said, bindings.data, bindings.length, &err) != PH_OK)
		fail("settle", &err);
	ph_buffer_fini(&bindings);
	note("settle %" PRIu64 " outcome=%u\n", delivery & 0xffffffffffffu,
	    said.outcome);
}

static void
delivered(ph_client *client, const ph_event *event)
{
	uint64_t delivery = ph_event_delivery(event);
	note("deliver %" PRIu64 " queue=%s attempt=%u flags=%u pid=%d\n",
	    delivery & 0xffffffffffffu, ph_event_queue(event), ph_event_attempt(event),
	    ph_event_flags(event), (int) getpid());
	if (told("die"))
		_exit(5);
	if (told("hold") && held_count < HELD_MAX)
		held[held_count++] = delivery;
	else
		settle(client, delivery);
}

static void
let_go(ph_client *client)
{
	if (held_count == 0 || told("hold"))
		return;
	while (held_count > 0)
		settle(client, held[--held_count]);
}

/* ---- behaviour `inbound` ---- */

static void
publish_bound(ph_client *client, const char *id, const char *data, const char *system,
    const char *key, const char *canonical)
{
	ph_error err = {.status = PH_OK};
	ph_message *message = NULL;
	const ph_attribute attributes[] = {{"id", id, strlen(id)},
	    {"source", "urn:inbound", 11}, {"type", "bench.v1", 8},
	    {"subject", canonical, strlen(canonical)}};
	ph_buffer binding, options;
	ph_buffer_init(&binding, 0);
	ph_buffer_init(&options, 0);
	ph_binding_write(&binding, "service-request", system, key, canonical);
	ph_buffer_u8(&options, PH_OPTION_BINDING);
	ph_buffer_blob16(&options, binding.data, binding.length);
	ph_buffer_clear(&binding);
	ph_buffer_string(&binding, "poll");
	ph_buffer_string(&binding, id);
	ph_buffer_u8(&options, PH_OPTION_CURSOR);
	ph_buffer_blob16(&options, binding.data, binding.length);
	if (ph_message_new(attributes, 4, data, strlen(data), &message, &err) !=
		PH_OK ||
	    ph_client_publish_with(
		client, message, options.data, options.length, NULL, &err) != PH_OK)
		fail("publish", &err);
	ph_message_unref(&message);
	ph_buffer_fini(&binding);
	ph_buffer_fini(&options);
}

/* Bytes that could not be made into a message. */
static void
publish_failed(ph_client *client)
{
	ph_error err = {.status = PH_OK};
	ph_message *message = NULL;
	const ph_attribute attributes[] = {{"id", "F1", 2},
	    {"source", "urn:inbound", 11}, {"type", "packhorse.inbound", 17},
	    {"adapter", adapter, strlen(adapter)}};
	ph_buffer failed, options;
	ph_buffer_init(&failed, 0);
	ph_buffer_init(&options, 0);
	ph_buffer_string(&failed, "decode");
	ph_buffer_string(&failed, "malformed");
	ph_buffer_string(&failed, "");
	ph_buffer_string(&failed, "PH3000 not XML");
	ph_buffer_u8(&options, PH_OPTION_FAILED);
	ph_buffer_blob16(&options, failed.data, failed.length);
	if (ph_message_new(attributes, 4, "<x", 2, &message, &err) != PH_OK ||
	    ph_client_publish_with(
		client, message, options.data, options.length, NULL, &err) != PH_OK)
		fail("publish", &err);
	ph_message_unref(&message);
	ph_buffer_fini(&failed);
	ph_buffer_fini(&options);
}

static void
resolve(ph_client *client)
{
	ph_error err = {.status = PH_OK};
	const ph_resolve_item items[] = {
	    {PH_RESOLVE_MINT, "service-request", adapter, "K1", "SR"},
	    {PH_RESOLVE_MINT, "case", adapter, "K1", "CA"},
	    {PH_RESOLVE_CANONICAL, "service-request", adapter, "never", NULL}};
	uint64_t request = 0;
	if (ph_client_resolve(client, items, 3, &request, &err) != PH_OK ||
	    ph_client_cursor_get(client, "poll", &request, &err) != PH_OK)
		fail("resolve", &err);
}

static void
resolved(ph_client *client, ph_frame *frame)
{
	char first[64] = "";
	for (uint32_t i = 0; i < frame->count; i++) {
		char value[64] = "";
		unsigned status = ph_reader_u8(&frame->body);
		(void) ph_slice_copy(ph_slice_read(&frame->body), value, sizeof value);
		note("resolved %u status=%u value=%s\n", i, status, value);
		if (i == 0)
			memcpy(first, value, sizeof first);
	}
	publish_bound(client, "I1", "x", adapter, "K1", first);
	publish_bound(client, "I1", "other", adapter, "K2", "SR-ANOTHER");
	publish_bound(client, "I2", "x", adapter, "K1", "SR-ANOTHER");
	publish_bound(client, "I3", "x", adapter, "K3", "SR-3");
	publish_bound(client, "I4", "x", adapter, "K4", "SR-4");
	publish_failed(client);
	publish_bound(client, "I5", "x", "other", "K5", "SR-5");
}

static void
handle(ph_client *client, ph_inner_event *event)
{
	if (event->kind == PH_INNER_RESOLVED)
		resolved(client, &event->frame);
	if (event->kind == PH_INNER_CURSOR) {
		char value[64] = "";
		unsigned known = ph_reader_u8(&event->frame.body);
		(void) ph_slice_copy(
		    ph_slice_read(&event->frame.body), value, sizeof value);
		note("cursor known=%u value=%s\n", known, value);
	}
	if (event->kind != PH_INNER_NONE)
		return;
	switch (ph_event_kind_of(event->event)) {
	case PH_EVENT_DELIVERY:
		delivered(client, event->event);
		break;
	case PH_EVENT_RESULT:
		note("result %" PRIu64 " %d %s\n", ph_event_ticket(event->event),
		    (int) ph_event_result(event->event), ph_event_text(event->event));
		break;
	case PH_EVENT_CONNECTED:
		note("connected pid=%d\n", (int) getpid());
		alone_since = 0;
		break;
	case PH_EVENT_SETTLED:
		note("settled %" PRIu64 "\n",
		    ph_event_delivery(event->event) & 0xffffffffffffu);
		break;
	case PH_EVENT_DISCONNECTED:
		note("disconnected\n");
		alone_since = ph_clock_mono(ph_clock_system());
		break;
	}
}

int
main(void)
{
	ph_client *client = NULL;
	ph_error err = {.status = PH_OK};
	read_papers();
	note("started pid=%d\n", (int) getpid());
	if (ph_client_new_host(endpoint, token, adapter, &client, &err) != PH_OK)
		fail("new", &err);
	if (told("probe"))
		ph_client_announce(client, PH_HELLO_CAN_PROBE);
	if (ph_client_connect(client, 10000, &err) != PH_OK)
		fail("connect", &err);
	if (ph_client_subscribe(client, adapter, 4, &err) != PH_OK ||
	    ph_client_subscribe(client, "inbound", 4, &err) != PH_OK)
		fail("subscribe", &err);
	if (told("inbound"))
		resolve(client);
	for (;;) {
		ph_inner_event event;
		ph_status status = ph_client_next_inner(client, -1, 20, &event, &err);
		if (status == PH_OK)
			handle(client, &event);
		else if (status != PH_ERR_TIMEOUT)
			fail("next", &err);
		let_go(client);
		/* The test has failed and left us behind. */
		if (alone_since != 0 &&
		    ph_clock_mono(ph_clock_system()) - alone_since > ALONE_MS)
			return 6;
	}
}
