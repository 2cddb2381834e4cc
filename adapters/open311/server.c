/*
 * A request becomes a visit, which lives until it is answered: at once, or from the host's callback.
 * The checks run in the order of the answers: extension, method, size, form, key, jurisdiction,
 * service; whatever the form's fields mean is the map's to say.
 */
#include "adapters/open311/server.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "adapters/common/listen.h"
#include "adapters/open311/target.h"
#include "adapters/open311/writer.h"

enum {
	RECEIVE_MS = 20000,
	DAY_MS = 86400000,
	REQUESTS_MAX = 1000, /* most in one list of requests */
	UPDATES_MAX = 9999,  /* most in one list of updates */
	IDS_MAX = 100	     /* ids in one request */
};

struct ph_open311_server {
	const ph_adapter_host *host;
	const ph_open311_settings *settings;
	ph_listen *listen;
};

typedef struct visit visit;
typedef json_t *visit_tree(const visit *it, const ph_adapter_records *records);

struct visit {
	ph_open311_server *server;
	ph_listen_request *request;
	ph_target target;
	ph_fields form;
	ph_writer_format format;
	const char *root; /* of the answer in XML */
	visit_tree *tree; /* makes the answer of records */
	bool listing;	  /* these records only say which requests to ask for */
	bool single;	  /* one record is meant: none is 404 */
	uint64_t most;	  /* records that fit in the answer */
	char *update_id;  /* of a posted update */
};

/* ---- answering ---- */

static void
end_visit(visit *it)
{
	ph_target_fini(&it->target);
	ph_fields_fini(&it->form);
	free(it->update_id);
	free(it);
}

/* Takes the tree. */
static void
answer(visit *it, unsigned status, const char *root, json_t *tree)
{
	char *text = ph_writer_write(it->format, root, tree);
	json_decref(tree);
	const char *extra = status == 503 ? "Retry-After: 5" : NULL;
	if (text)
		ph_listen_answer(it->request, status, ph_writer_type(it->format), text,
		    strlen(text), extra);
	else
		ph_listen_answer(it->request, 503, "text/plain", "", 0, extra);
	free(text);
	end_visit(it);
}

static void refuse(visit *it, unsigned status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void
refuse(visit *it, unsigned status, const char *format, ...)
{
	char text[1024];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	answer(it, status, "errors", ph_writer_error(status, text));
}

/* ---- who may ask ---- */

static bool
same_secret(const char *secret, ph_adapter_text given)
{
	size_t length = strlen(secret);
	unsigned char differs = length != given.length;
	for (size_t i = 0; i < length; i++)
		differs |=
		    (unsigned char) ((unsigned char) secret[i] ^
				     (unsigned char) (i < given.length ? given.data[i]
								       : 0));
	return !differs;
}

/* In the form, or in the query. */
static ph_adapter_text
field(const visit *it, const char *name)
{
	ph_adapter_text value = ph_fields_get(&it->form, name);
	return value.length ? value : ph_fields_get(&it->target.query, name);
}

static bool
key_is_good(const visit *it)
{
	const json_t *keys = it->server->settings->keys;
	ph_adapter_text given = field(it, "api_key");
	size_t index = 0;
	json_t *key = NULL;
	bool good = !json_array_size(keys);
	json_array_foreach(keys, index, key)
	{
		good |= same_secret(json_string_value(key), given);
	}
	return good;
}

static bool
jurisdiction_is_good(const visit *it, bool *missing)
{
	const json_t *known = it->server->settings->jurisdictions;
	ph_adapter_text given = field(it, "jurisdiction_id");
	size_t index = 0;
	json_t *item = NULL;
	*missing = !given.length;
	if (!json_array_size(known) || (!given.length && json_array_size(known) == 1))
		return true;
	json_array_foreach(known, index, item)
	{
		if (ph_plug_is(given, json_string_value(item)))
			return true;
	}
	return false;
}

/* True: the visit may go on; else it has been answered. */
static bool
admit(visit *it, bool needs_key)
{
	bool missing = false;
	if (needs_key && !key_is_good(it)) {
		refuse(it, 403, "api_key is missing or not known here");
		return false;
	}
	if (jurisdiction_is_good(it, &missing))
		return true;
	if (missing)
		refuse(it, 400, "jurisdiction_id was not provided");
	else
		refuse(it, 404, "jurisdiction_id is not known here");
	return false;
}

static bool
is_get(const visit *it)
{
	return !strcmp(it->request->method, "GET") ||
	       !strcmp(it->request->method, "HEAD");
}

/* ---- posts ---- */

static unsigned
status_of(const ph_adapter_receipt *receipt)
{
	switch (receipt->result) {
	case PH_ADAPTER_ACCEPTED:
		return 201;
	case PH_ADAPTER_DUPLICATE:
	case PH_ADAPTER_IGNORED:
	case PH_ADAPTER_KEPT:
		return 200;
	case PH_ADAPTER_MALFORMED:
		return 400;
	case PH_ADAPTER_FORBIDDEN:
		return 403;
	case PH_ADAPTER_UNKNOWN:
		return 404;
	case PH_ADAPTER_CONFLICT:
		return 409;
	case PH_ADAPTER_TOO_LARGE:
		return 413;
	default:
		return 503;
	}
}

static void
posted(void *context, const ph_adapter_receipt *receipt)
{
	visit *it = context;
	unsigned status = status_of(receipt);
	bool update = it->update_id != NULL;
	if (status >= 300) {
		refuse(it, status, "%.*s%s%.*s", (int) receipt->path.length,
		    receipt->path.length ? receipt->path.data : "",
		    receipt->path.length ? ": " : "", (int) receipt->text.length,
		    receipt->text.length ? receipt->text.data : "");
	} else if (update) {
		ph_adapter_text id = ph_plug_text(it->update_id);
		if (!id.length)
			id = receipt->id;
		answer(
		    it, status, "service_request_updates", ph_writer_posted_update(id));
	} else if (!receipt->reference.length) {
		refuse(it, 503, "no reference was made for it");
	} else {
		answer(it, status, "service_requests",
		    ph_writer_posted_request(receipt->reference));
	}
}

/* Can the body be read as a form? Else answered. */
static bool
read_form(visit *it)
{
	static const char form[] = "application/x-www-form-urlencoded";
	const ph_listen_request *request = it->request;
	if (request->too_large) {
		refuse(it, 413, "the body is larger than %llu bytes",
		    (unsigned long long) it->server->settings->body_limit);
		return false;
	}
	if (*request->content_type &&
	    strncasecmp(request->content_type, form, sizeof form - 1) != 0) {
		refuse(it, 400,
		    "send the fields as %s; a photograph as its address in media_url",
		    form);
		return false;
	}
	if (ph_fields_read(request->body, request->length, &it->form))
		return true;
	refuse(it, 400,
	    "the form cannot be read: a percent sequence is broken or the text "
	    "is no UTF-8");
	return false;
}

static void
hand_in(visit *it, const char *entry)
{
	const ph_adapter_host *host = it->server->host;
	ph_adapter_pair attributes[] = {
	    {ph_plug_text("jurisdiction_id"), field(it, "jurisdiction_id")},
	    {ph_plug_text("target"), ph_plug_text(it->request->target)},
	};
	ph_adapter_received received = {.size = sizeof received,
	    .flags = PH_ADAPTER_CALLER_WAITS,
	    .entry = ph_plug_text(entry),
	    .body = {it->request->body, it->request->length},
	    .content_type = ph_plug_text("application/x-www-form-urlencoded"),
	    .attributes = attributes,
	    .attribute_count = sizeof attributes / sizeof *attributes,
	    .deadline = host->now(host->self) + RECEIVE_MS,
	    .context = it,
	    .done = posted};
	ph_adapter_error error = {.size = sizeof error};
	uint32_t code = host->receive(host->self, &received, &error);
	if (code == PH_ADAPTER_NOT_FOUND)
		refuse(it, 404, "this is not taken here");
	else if (code)
		refuse(it, 503, "not now: please send it again");
}

static void
post_request(visit *it)
{
	if (!read_form(it) || !admit(it, true))
		return;
	ph_adapter_text code = ph_fields_get(&it->form, "service_code");
	if (!code.length)
		refuse(it, 400, "service_code was not provided");
	else if (!ph_open311_service(it->server->settings, code.data, code.length))
		refuse(it, 404, "service_code is not one of the services");
	else
		hand_in(it, "request");
}

static void
post_update(visit *it)
{
	if (!read_form(it) || !admit(it, true))
		return;
	it->update_id = ph_plug_dup(ph_fields_get(&it->form, "update_id"));
	if (!it->update_id)
		refuse(it, 503, "not now: please send it again");
	else if (!ph_fields_get(&it->form, "service_request_id").length)
		refuse(it, 400, "service_request_id was not provided");
	else
		hand_in(it, "update");
}

/* ---- reading ---- */

static void ask(visit *it, ph_adapter_query *query);

/* The window told which requests there are; how they stand now is another question. */
static void
ask_for_listed(visit *it, const ph_adapter_records *records)
{
	ph_adapter_text *ids = calloc(records->count + 1, sizeof *ids);
	ph_adapter_query query = {.kind = PH_ADAPTER_BY_REFERENCE,
	    .entry = ph_plug_text("request"),
	    .references = ids};
	it->listing = false;
	for (uint64_t i = 0; ids && i < records->count && i < REQUESTS_MAX; i++)
		ids[query.reference_count++] = records->records[i]->reference;
	if (!ids)
		refuse(it, 503, "not now: please ask again");
	else
		ask(it, &query);
	free(ids);
}

static void
queried(void *context, const ph_adapter_records *records)
{
	visit *it = context;
	if (records->code)
		refuse(it, 503, "not now: please ask again");
	else if (it->listing && records->count)
		ask_for_listed(it, records);
	else if (it->single && !records->count)
		refuse(it, 404, "service_request_id is not known here");
	else if (records->count > it->most)
		refuse(it, 400, "more than %llu in this window: ask for a shorter one",
		    (unsigned long long) it->most);
	else
		answer(it, 200, it->root, it->tree(it, records));
}

static void
ask(visit *it, ph_adapter_query *query)
{
	const ph_adapter_host *host = it->server->host;
	ph_adapter_error error = {.size = sizeof error};
	query->size = sizeof *query;
	query->deadline = host->now(host->self) + RECEIVE_MS;
	query->context = it;
	query->done = queried;
	uint32_t code = host->query(host->self, query, &error);
	if (code == PH_ADAPTER_NOT_FOUND)
		refuse(it, 404, "this is not shown here");
	else if (code)
		refuse(it, 503, "not now: please ask again");
}

/* Is `value` one of "a,b,c"? An empty list has everything. */
static bool
is_listed(ph_adapter_text list, const char *value)
{
	if (!list.length)
		return true;
	const char *at = list.data, *end = list.data + list.length;
	size_t length = strlen(value);
	while (at < end) {
		const char *comma = memchr(at, ',', (size_t) (end - at));
		const char *stop = comma ? comma : end;
		if ((size_t) (stop - at) == length && !memcmp(at, value, length))
			return true;
		at = stop + 1;
	}
	return false;
}

static json_t *
requests_tree(const visit *it, const ph_adapter_records *records)
{
	json_t *list = ph_writer_requests(it->server->settings, records);
	const ph_fields *fields = &it->target.query;
	for (size_t i = json_array_size(list); i > 0; i--) {
		const json_t *request = json_array_get(list, i - 1);
		if (!is_listed(ph_fields_get(fields, "status"),
			ph_plug_string(request, "status", "")) ||
		    !is_listed(ph_fields_get(fields, "service_code"),
			ph_plug_string(request, "service_code", "")))
			json_array_remove(list, i - 1);
	}
	return list;
}

static json_t *
updates_tree(const visit *it, const ph_adapter_records *records)
{
	(void) it;
	return ph_writer_updates(records);
}

/* start_date and end_date, both optional; the end is included to its second. Else answered. */
static bool
read_window(visit *it, uint64_t usual, ph_adapter_query *query)
{
	const ph_fields *fields = &it->target.query;
	ph_adapter_text start = ph_fields_get(fields, "start_date");
	ph_adapter_text end = ph_fields_get(fields, "end_date");
	query->to = it->server->host->wall(it->server->host->self);
	if (end.length && !ph_target_time(end, &query->to)) {
		refuse(it, 400, "end_date is to be like 2026-11-23T04:19:00Z");
		return false;
	}
	query->from = query->to > usual ? query->to - usual : 0;
	if (start.length && !ph_target_time(start, &query->from)) {
		refuse(it, 400, "start_date is to be like 2026-11-23T04:19:00Z");
		return false;
	}
	if (query->from > query->to) {
		refuse(it, 400, "start_date is after end_date");
		return false;
	}
	query->to = query->to / 1000 * 1000 + 1000;
	query->from = query->from / 1000 * 1000;
	query->kind = PH_ADAPTER_BY_WINDOW;
	return true;
}

static void
get_updates(visit *it)
{
	ph_adapter_query query = {.entry = ph_plug_text("update")};
	if (!admit(it, it->server->settings->keys_to_read) ||
	    !read_window(it, DAY_MS, &query))
		return;
	it->root = "service_request_updates";
	it->tree = updates_tree;
	it->most = UPDATES_MAX;
	query.most = UPDATES_MAX + 1;
	ask(it, &query);
}

static void
get_request(visit *it)
{
	ph_adapter_text id = ph_plug_text(it->target.item);
	ph_adapter_query query = {.kind = PH_ADAPTER_BY_REFERENCE,
	    .entry = ph_plug_text("request"),
	    .references = &id,
	    .reference_count = 1};
	if (!admit(it, it->server->settings->keys_to_read))
		return;
	it->root = "service_requests";
	it->tree = requests_tree;
	it->single = true;
	it->most = 1;
	ask(it, &query);
}

/* "a,b,c" */
static uint64_t
split_ids(ph_adapter_text list, ph_adapter_text *out, uint64_t most)
{
	uint64_t count = 0;
	const char *at = list.data, *end = list.data + list.length;
	while (at < end && count < most) {
		const char *comma = memchr(at, ',', (size_t) (end - at));
		const char *stop = comma ? comma : end;
		if (stop > at)
			out[count++] = (ph_adapter_text){at, (uint64_t) (stop - at)};
		at = comma ? comma + 1 : end;
	}
	return count;
}

/* All of a window says what people of a place ask for: a key is needed where there are any. */
static void
get_requests(visit *it)
{
	ph_adapter_text ids[IDS_MAX];
	ph_adapter_text wanted = ph_fields_get(&it->target.query, "service_request_id");
	ph_adapter_query query = {.entry = ph_plug_text("request")};
	if (!admit(it, !wanted.length || it->server->settings->keys_to_read))
		return;
	it->root = "service_requests";
	it->tree = requests_tree;
	it->most = REQUESTS_MAX;
	if (wanted.length) {
		query.kind = PH_ADAPTER_BY_REFERENCE;
		query.references = ids;
		query.reference_count = split_ids(wanted, ids, IDS_MAX);
	} else if (read_window(it, (uint64_t) DAY_MS * 90, &query)) {
		it->listing = true;
	} else {
		return;
	}
	query.most = REQUESTS_MAX;
	ask(it, &query);
}

static void
get_services(visit *it)
{
	if (admit(it, false))
		answer(it, 200, "services", ph_writer_services(it->server->settings));
}

static void
get_definition(visit *it)
{
	const ph_open311_settings *settings = it->server->settings;
	const char *code = it->target.item;
	if (!admit(it, false))
		return;
	const json_t *service = ph_open311_service(settings, code, strlen(code));
	if (service)
		answer(it, 200, "service_definition",
		    ph_writer_definition(settings, service));
	else
		refuse(it, 404, "service_code is not one of the services");
}

static void
get_discovery(visit *it)
{
	answer(it, 200, "discovery", ph_writer_discovery(it->server->settings));
}

/* ---- which resource ---- */

typedef struct resource {
	const char *name;
	bool item; /* "name/ITEM" */
	void (*get)(visit *it);
	void (*post)(visit *it);
} resource;

static const resource resources[] = {
    {"discovery", false, get_discovery, NULL},
    {"services", false, get_services, NULL},
    {"services", true, get_definition, NULL},
    {"requests", false, get_requests, post_request},
    {"requests", true, get_request, NULL},
    {"servicerequestupdates", false, get_updates, post_update},
};

static const resource *
find_resource(const ph_target *target)
{
	for (size_t i = 0; i < sizeof resources / sizeof *resources; i++)
		if (!strcmp(resources[i].name, target->resource) &&
		    resources[i].item == (target->item && *target->item))
			return &resources[i];
	return NULL;
}

static void
handle(void *self, ph_listen_request *request)
{
	ph_open311_server *server = self;
	visit *it = calloc(1, sizeof *it);
	if (!it) {
		ph_listen_answer(request, 503, "text/plain", "", 0, NULL);
		return;
	}
	it->server = server;
	it->request = request;
	bool readable =
	    ph_target_read(request->target, server->settings->base, &it->target);
	const char *extension = readable ? it->target.extension : "";
	if (!strcmp(extension, "json"))
		it->format = PH_WRITER_JSON;
	const resource *meant = readable ? find_resource(&it->target) : NULL;
	if (!meant || (strcmp(extension, "json") && strcmp(extension, "xml")))
		refuse(
		    it, 404, "there is nothing here; the extension is .xml or .json");
	else if (is_get(it))
		meant->get(it);
	else if (!strcmp(request->method, "POST") && meant->post)
		meant->post(it);
	else
		refuse(it, 405, "this is not done with %.16s", request->method);
}

uint32_t
ph_open311_server_start(const ph_adapter_host *host,
    const ph_open311_settings *settings, ph_open311_server **out,
    ph_adapter_error *error)
{
	ph_open311_server *server = calloc(1, sizeof *server);
	if (!server)
		return ph_plug_fail(
		    error, PH_ADAPTER_FAILED, "", "PH4113 out of memory");
	server->host = host;
	server->settings = settings;
	ph_listen_settings listen = {.address = settings->listen,
	    .body_limit = settings->body_limit,
	    .handle = handle,
	    .self = server};
	unsigned port = 0;
	uint32_t code = ph_listen_start(&listen, &server->listen, &port, error);
	if (code) {
		free(server);
		return code;
	}
	char line[64];
	snprintf(line, sizeof line, "listening on port %u", port);
	host->log(host->self, PH_ADAPTER_LOG_INFO, ph_plug_text(line));
	*out = server;
	return PH_ADAPTER_OK;
}

void
ph_open311_server_stop(ph_open311_server **server_p)
{
	ph_open311_server *server = *server_p;
	if (!server)
		return;
	*server_p = NULL;
	ph_listen_stop(&server->listen);
	free(server);
}
