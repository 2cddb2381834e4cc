/*
 * A push is shown to `handle` on a server's thread, which hands it to the host; the host calls
 * `done` on its own thread, which answers. Between the two nothing of ours is kept but the push.
 */
#include "adapters/http/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "adapters/common/listen.h"

enum { RECEIVE_MS = 20000 };

struct ph_http_server {
	const ph_adapter_host *host;
	const ph_http_settings *settings;
	struct door {
		ph_http_server *server;
		const char *address;
		ph_listen *listen;
	} * doors; /* one for each different address */
	size_t door_count;
};

typedef struct push {
	ph_listen_request *request;
	const ph_http_hook *hook;
} push;

unsigned
ph_http_status(uint32_t result)
{
	switch (result) {
	case PH_ADAPTER_ACCEPTED:
	case PH_ADAPTER_DUPLICATE:
	case PH_ADAPTER_IGNORED:
	case PH_ADAPTER_KEPT:
		return 200;
	case PH_ADAPTER_MALFORMED:
	case PH_ADAPTER_UNKNOWN:
		return 400;
	case PH_ADAPTER_FORBIDDEN:
		return 401;
	case PH_ADAPTER_CONFLICT:
		return 409;
	case PH_ADAPTER_TOO_LARGE:
		return 413;
	default:
		return 503;
	}
}

static void
answer_text(ph_listen_request *request, unsigned status, const char *text)
{
	ph_listen_answer(
	    request, status, "text/plain; charset=utf-8", text, strlen(text), NULL);
}

static void
answer_refusal(
    ph_listen_request *request, unsigned status, const ph_adapter_receipt *receipt)
{
	char text[1024];
	int length = snprintf(text, sizeof text, "%.*s%s%.*s\n",
	    (int) receipt->text.length, receipt->text.length ? receipt->text.data : "",
	    receipt->path.length ? " at " : "", (int) receipt->path.length,
	    receipt->path.length ? receipt->path.data : "");
	if (length < 0 || (size_t) length >= sizeof text)
		length = (int) strlen(text);
	ph_listen_answer(request, status, "text/plain; charset=utf-8", text,
	    (size_t) length, status == 503 ? "Retry-After: 5" : NULL);
}

static void
done(void *context, const ph_adapter_receipt *receipt)
{
	push *it = context;
	unsigned status = ph_http_status(receipt->result);
	if (status == 200)
		ph_listen_answer(it->request, status, it->hook->ok_type, it->hook->ok,
		    strlen(it->hook->ok), NULL);
	else if (status == 401)
		answer_text(it->request, status, "not allowed\n");
	else
		answer_refusal(it->request, status, receipt);
	free(it);
}

static const ph_http_hook *
find_hook(const struct door *door, ph_adapter_text path)
{
	const ph_http_settings *settings = door->server->settings;
	for (size_t i = 0; i < settings->hook_count; i++)
		if (!strcmp(settings->hooks[i].listen, door->address) &&
		    ph_plug_is(path, settings->hooks[i].path))
			return &settings->hooks[i];
	return NULL;
}

static void
hand_in(struct door *door, push *it, ph_adapter_text path, ph_adapter_text query)
{
	const ph_adapter_host *host = door->server->host;
	ph_listen_request *request = it->request;
	ph_adapter_pair attributes[] = {
	    {ph_plug_text("method"), ph_plug_text(request->method)},
	    {ph_plug_text("path"), path},
	    {ph_plug_text("query"), query},
	};
	ph_adapter_received received = {.size = sizeof received,
	    .flags = PH_ADAPTER_CALLER_WAITS,
	    .entry = ph_plug_text(it->hook->name),
	    .body = {request->body, request->length},
	    .content_type = ph_plug_text(request->content_type),
	    .attributes = attributes,
	    .attribute_count = sizeof attributes / sizeof *attributes,
	    .deadline = host->now(host->self) + RECEIVE_MS,
	    .context = it,
	    .done = done};
	ph_adapter_error error = {.size = sizeof error};
	if (host->receive(host->self, &received, &error) == PH_ADAPTER_OK)
		return;
	answer_text(request, 503, "not now\n");
	free(it);
}

static void
handle(void *self, ph_listen_request *request)
{
	struct door *door = self;
	const char *mark = strchr(request->target, '?');
	ph_adapter_text path = ph_plug_text(request->target), query = {NULL, 0};
	if (mark) {
		path.length = (uint64_t) (mark - request->target);
		query = ph_plug_text(mark + 1);
	}
	const ph_http_hook *hook = find_hook(door, path);
	if (!hook) {
		answer_text(request, 404, "nothing here\n");
		return;
	}
	if (strcmp(hook->method, request->method) != 0) {
		answer_text(request, 405, "not with this method\n");
		return;
	}
	if (request->too_large) {
		answer_text(request, 413, "PH4120 the body is too large\n");
		return;
	}
	push *it = malloc(sizeof *it);
	if (!it) {
		answer_text(request, 503, "not now\n");
		return;
	}
	*it = (push){request, hook};
	hand_in(door, it, path, query);
}

static bool
has_door(const ph_http_server *server, const char *address)
{
	for (size_t i = 0; i < server->door_count; i++)
		if (!strcmp(server->doors[i].address, address))
			return true;
	return false;
}

static uint32_t
open_door(ph_http_server *server, const char *address, ph_adapter_error *error)
{
	struct door *door = &server->doors[server->door_count];
	door->server = server;
	door->address = address;
	ph_listen_settings settings = {.address = address,
	    .body_limit = server->settings->body_limit,
	    .handle = handle,
	    .self = door};
	unsigned port = 0;
	uint32_t code = ph_listen_start(&settings, &door->listen, &port, error);
	if (code)
		return code;
	server->door_count++;
	char line[128];
	snprintf(line, sizeof line, "listening on port %u", port);
	server->host->log(server->host->self, PH_ADAPTER_LOG_INFO, ph_plug_text(line));
	return PH_ADAPTER_OK;
}

uint32_t
ph_http_server_start(const ph_adapter_host *host, const ph_http_settings *settings,
    ph_http_server **out, ph_adapter_error *error)
{
	ph_http_server *server = calloc(1, sizeof *server);
	if (server)
		server->doors = calloc(settings->hook_count + 1, sizeof *server->doors);
	if (!server || !server->doors) {
		free(server);
		return ph_plug_fail(
		    error, PH_ADAPTER_FAILED, "", "PH4113 out of memory");
	}
	server->host = host;
	server->settings = settings;
	for (size_t i = 0; i < settings->hook_count; i++) {
		if (has_door(server, settings->hooks[i].listen))
			continue;
		uint32_t code = open_door(server, settings->hooks[i].listen, error);
		if (code) {
			ph_http_server_stop(&server);
			return code;
		}
	}
	*out = server;
	return PH_ADAPTER_OK;
}

void
ph_http_server_stop(ph_http_server **server_p)
{
	ph_http_server *server = *server_p;
	if (!server)
		return;
	*server_p = NULL;
	for (size_t i = 0; i < server->door_count; i++)
		ph_listen_stop(&server->doors[i].listen);
	free(server->doors);
	free(server);
}
