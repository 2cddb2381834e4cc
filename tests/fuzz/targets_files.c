/*
 * targets_files - what stands in files and comes over other doors: a site's configuration, a code
 * table, a CloudEvent, the target of an HTTP request, a broker's answer to the command line.
 */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "adapters/http/url.h"
#include "adapters/open311/target.h"
#include "cli/ask.h"
#include "cli/cloudevent.h"
#include "lib/base/assert.h"
#include "lib/base/os.h"
#include "lib/site/site.h"
#include "tests/fuzz/folder.h"
#include "tests/fuzz/targets.h"
#include "transform/codes.h"

#define PATIENCE_MS 30000

/* ---- a site ---- */

/* packhorse.yaml, an adapter, the connector it may name "c", routes; each ends with 0x1E. */
void
ph_target_site(const uint8_t *bytes, size_t length)
{
	static const char *const files[] = {"site/packhorse.yaml",
	    "site/adapters/a.yaml", "site/connectors/c/connector.yaml",
	    "site/routes/r.yaml"};
	static const char *const folders[] = {"site", "site/adapters",
	    "site/connectors", "site/connectors/c", "site/routes"};
	char path[PH_FUZZ_PATH];
	ph_site *site = NULL;
	ph_error err = {.status = PH_OK};
	for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
		ph_fuzz_make(folders[i]);
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		size_t end = ph_target_split(bytes, length);
		ph_fuzz_put(files[i], bytes, end);
		end += end < length;
		bytes += end;
		length -= end;
	}
	if (ph_site_load(ph_fuzz_path("site", path), &site, &err) != PH_OK)
		PH_ASSERT(strncmp(err.text, "PH", 2) == 0);
	for (size_t i = 0; site != NULL && i < site->route_count; i++)
		for (size_t j = 0; j < site->routes[i].to.count; j++)
			PH_ASSERT(ph_site_has_queue(site, site->routes[i].to.at[j]));
	ph_site_destroy(&site);
}

/* ---- a code table ---- */

static void
look_up(const ph_codes *codes)
{
	char key[64];
	for (size_t i = 0; i < ph_codes_count(codes); i++) {
		PH_ASSERT(ph_codes_canonical(codes, i, 0) != NULL);
		ph_codes_key(codes, i, true, key, sizeof key);
		ph_codes_key(codes, i, false, key, sizeof key);
		const char *text = ph_codes_vendor(codes, i, 0);
		PH_ASSERT(text != NULL);
		ph_tuple tuple = {.count = 1,
		    .at = {{.kind = PH_VALUE_STRING,
			.text = text,
			.length = strlen(text)}}};
		(void) ph_codes_row(codes, true, &tuple);
		(void) ph_codes_translate(codes, true, &tuple);
	}
}

/* The upper layer, then the lower one. */
void
ph_target_codes(const uint8_t *bytes, size_t length)
{
	static const char *const canonical[] = {"canonical"}, *const vendor[] = {"x"};
	char upper[PH_FUZZ_PATH], lower[PH_FUZZ_PATH];
	size_t end = ph_target_split(bytes, length);
	ph_codes *codes = NULL;
	ph_error err = {.status = PH_OK};
	ph_fuzz_make("upper");
	ph_fuzz_make("lower");
	ph_fuzz_put("upper/t.csv", bytes, end);
	const char *const paths[] = {ph_fuzz_path("upper/t.csv", upper),
	    end < length ? ph_fuzz_path("lower/t.csv", lower) : NULL, NULL};
	if (end < length)
		ph_fuzz_put("lower/t.csv", bytes + end + 1, length - end - 1);
	if (ph_codes_load(paths, canonical, 1, vendor, 1, &codes, &err) == PH_OK)
		look_up(codes);
	else
		PH_ASSERT(strncmp(err.text, "PH", 2) == 0);
	ph_codes_destroy(&codes);
}

/* ---- a CloudEvent ---- */

/* What is read can be written, and that is read as the same message. */
void
ph_target_event(const uint8_t *bytes, size_t length)
{
	ph_message *message = NULL, *again = NULL;
	ph_buffer once, twice;
	char *id = NULL;
	ph_error err = {.status = PH_OK};
	ph_status status =
	    ph_cloudevent_decode("input", bytes, length, &message, &id, &err);
	free(id);
	if (status != PH_OK) {
		PH_ASSERT(err.text[0] != '\0');
		return;
	}
	ph_buffer_init(&once, 0);
	ph_buffer_init(&twice, 0);
	status = ph_cloudevent_encode(message, true, &once, &err);
	PH_ASSERT(status == PH_OK);
	status =
	    ph_cloudevent_decode("input", once.data, once.length, &again, NULL, &err);
	PH_ASSERT(status == PH_OK);
	status = ph_cloudevent_encode(again, true, &twice, &err);
	PH_ASSERT(status == PH_OK && once.length == twice.length &&
		  memcmp(once.data, twice.data, once.length) == 0);
	ph_buffer_fini(&once);
	ph_buffer_fini(&twice);
	ph_message_unref(&message);
	ph_message_unref(&again);
}

/* ---- an HTTP request's target ---- */

/* Nothing of a value gets out of its place in the address. */
static void
make_address(const char *path, size_t path_length, const char *value, size_t length)
{
	ph_adapter_pair pair = {
	    .name = {.data = "url.id", .length = 6}, .value = {value, length}};
	ph_adapter_error error = {.size = sizeof error};
	char *address = NULL;
	if (ph_http_url("http://h/p", (ph_adapter_text){path, path_length}, &pair, 1,
		&address, &error) == PH_ADAPTER_OK)
		PH_ASSERT(strncmp(address, "http", 4) == 0);
	free(address);
}

/* A target, then a form, then an address's path, then a value for it; a zero byte ends a target. */
void
ph_target_http(const uint8_t *bytes, size_t length)
{
	static const char *const bases[] = {"", "/open311/v2"};
	size_t end = ph_target_split(bytes, length);
	char *raw = malloc(end + 1);
	uint64_t ms = 0;
	PH_ASSERT(raw != NULL);
	if (end > 0)
		memcpy(raw, bytes, end);
	raw[end] = '\0';
	for (size_t i = 0; i < sizeof bases / sizeof bases[0]; i++) {
		ph_target target = {0};
		if (ph_target_read(raw, bases[i], &target))
			PH_ASSERT(target.resource != NULL && target.extension != NULL);
		ph_target_fini(&target);
	}
	free(raw);
	const char *rest = (const char *) bytes + end + (end < length);
	size_t left = length - end - (end < length);
	ph_fields fields = {0};
	if (ph_fields_read(rest, left, &fields))
		for (size_t i = 0; i < fields.count; i++)
			(void) ph_target_time(fields.at[i].value, &ms);
	ph_fields_fini(&fields);
	(void) ph_target_time((ph_adapter_text){rest, left}, &ms);
	end = ph_target_split((const uint8_t *) rest, left);
	make_address(rest, end, rest + end, left - end);
}

/* ---- a broker's answer ---- */

typedef struct answer {
	int door;
	const uint8_t *bytes;
	size_t length;
} answer;

/* Take one question, say all there is to say, hang up. */
static void *
give_answer(void *self)
{
	const answer *say = self;
	char question[512];
	size_t at = 0;
	struct pollfd item = {.fd = say->door, .events = POLLIN};
	PH_ASSERT(poll(&item, 1, PATIENCE_MS) == 1);
	int fd = accept(say->door, NULL, NULL);
	PH_ASSERT(fd >= 0);
	(void) recv(fd, question, sizeof question, 0);
	while (at < say->length) {
		ssize_t sent =
		    send(fd, say->bytes + at, say->length - at, MSG_NOSIGNAL);
		if (sent <= 0)
			break;
		at += (size_t) sent;
	}
	(void) close(fd);
	return NULL;
}

static void
note_row(void *self, json_t *row)
{
	*(size_t *) self += json_object_size(row);
}

void
ph_target_answer(const uint8_t *bytes, size_t length)
{
	char path[PH_FUZZ_PATH];
	answer say = {-1, bytes, length};
	ph_error err = {.status = PH_OK};
	size_t members = 0;
	pthread_t thread;
	ph_cli cli = {.out = stdout, .err = stderr};
	cli.socket = ph_fuzz_path("door", path);
	ph_fuzz_remove("door");
	ph_status status = ph_os_listen(path, 0600, &say.door, NULL);
	PH_ASSERT(status == PH_OK);
	PH_ASSERT(pthread_create(&thread, NULL, give_answer, &say) == 0);
	status = ph_ask_quietly(&cli, "status", NULL, note_row, &members, &err);
	PH_ASSERT(status == err.status);
	PH_ASSERT(pthread_join(thread, NULL) == 0);
	(void) close(say.door);
}
