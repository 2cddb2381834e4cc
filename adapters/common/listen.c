/*
 * How a request goes. libmicrohttpd calls `log_uri` with the raw target first (it un-escapes the
 * URL it passes later, so that a name with "%2F" in it would fall apart), and then `access` once for
 * the headers, once for each piece of the body, and once at its end. There the connection is
 * suspended *before* `handle` sees the request, because the answer may come from another thread
 * before `handle` has returned. ph_listen_answer keeps the answer and resumes the connection, on
 * which libmicrohttpd calls `access` a last time, and the answer is queued.
 *
 * A suspended connection is never ended by the library, so a request lives until its answer.
 */
#include "adapters/common/listen.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

struct ph_listen {
	struct MHD_Daemon *daemon;
	ph_listen_settings settings;
};

typedef struct exchange {
	ph_listen_request request; /* first: what `handle` sees is the exchange */
	struct MHD_Connection *connection; /* set at the first call of `access` */
	char *target;			   /* ours */
	char *body;			   /* ours, with a zero after it */
	size_t capacity;
	bool handled; /* shown to `handle` */
	/* the answer, set before the connection is resumed */
	bool answered;
	unsigned status;
	char content_type[128];
	char extra[256];
	char *answer;
	size_t answer_length;
} exchange;

/* Split "host:port" or "[host]:port". */
static bool
parse_address(const char *text, struct sockaddr_storage *out)
{
	const char *colon = strrchr(text, ':');
	char host[64];
	if (!colon || colon == text || (size_t) (colon - text) >= sizeof host)
		return false;
	memcpy(host, text, (size_t) (colon - text));
	host[colon - text] = '\0';
	if (colon[1] < '0' || colon[1] > '9')
		return false;
	char *end = NULL;
	unsigned long port = strtoul(colon + 1, &end, 10);
	if (*end || port > 65535)
		return false;
	memset(out, 0, sizeof *out);
	size_t length = strlen(host);
	if (host[0] == '[' && host[length - 1] == ']') {
		host[length - 1] = '\0';
		struct sockaddr_in6 *six = (struct sockaddr_in6 *) out;
		six->sin6_family = AF_INET6;
		six->sin6_port = htons((uint16_t) port);
		return inet_pton(AF_INET6, host + 1, &six->sin6_addr) == 1;
	}
	struct sockaddr_in *four = (struct sockaddr_in *) out;
	four->sin_family = AF_INET;
	four->sin_port = htons((uint16_t) port);
	return inet_pton(AF_INET, !strcmp(host, "localhost") ? "127.0.0.1" : host,
		   &four->sin_addr) == 1;
}

uint32_t
ph_listen_check(const char *address, const char *path, ph_adapter_error *error)
{
	struct sockaddr_storage parsed;
	if (address && parse_address(address, &parsed))
		return PH_ADAPTER_OK;
	return ph_plug_fail(error, PH_ADAPTER_INVALID, path,
	    "PH4112 an address to listen on is to be like 127.0.0.1:8080 or "
	    "[::1]:8080");
}

static void *
log_uri(void *self, const char *uri, struct MHD_Connection *connection)
{
	(void) self;
	(void) connection;
	exchange *it = calloc(1, sizeof *it);
	if (!it)
		return NULL;
	size_t length = strlen(uri);
	it->target = malloc(length + 1);
	if (!it->target) {
		free(it);
		return NULL;
	}
	memcpy(it->target, uri, length + 1);
	it->request.target = it->target;
	it->request.body = "";
	it->request.content_type = "";
	return it;
}

static void
completed(void *self, struct MHD_Connection *connection, void **context,
    enum MHD_RequestTerminationCode code)
{
	(void) self;
	(void) connection;
	(void) code;
	exchange *it = *context;
	*context = NULL;
	if (!it)
		return;
	free(it->target);
	free(it->body);
	free(it->answer);
	free(it);
}

static enum MHD_Result
take_body(const ph_listen *listen, exchange *it, const char *data, size_t length)
{
	if (it->request.too_large)
		return MHD_YES; /* read and dropped: answering early would reset the sender */
	if (length > listen->settings.body_limit - it->request.length) {
		it->request.too_large = true;
		it->request.length = 0;
		it->request.body = "";
		return MHD_YES;
	}
	size_t need = it->request.length + length + 1;
	if (need > it->capacity) {
		size_t capacity = need * 2;
		char *grown = realloc(it->body, capacity);
		if (!grown)
			return MHD_NO;
		it->body = grown;
		it->capacity = capacity;
	}
	memcpy(it->body + it->request.length, data, length);
	it->request.length += length;
	it->body[it->request.length] = '\0';
	it->request.body = it->body;
	return MHD_YES;
}

static enum MHD_Result
queue_answer(struct MHD_Connection *connection, exchange *it)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
	    it->answer_length, it->answer, MHD_RESPMEM_MUST_COPY);
	if (!response)
		return MHD_NO;
	MHD_add_response_header(
	    response, MHD_HTTP_HEADER_CONTENT_TYPE, it->content_type);
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	char *colon = strstr(it->extra, ": ");
	if (colon) {
		*colon = '\0';
		MHD_add_response_header(response, it->extra, colon + 2);
	}
	enum MHD_Result result = MHD_queue_response(connection, it->status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result
access_handler(void *self, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *data, size_t *length,
    void **context)
{
	(void) url;
	(void) version;
	ph_listen *listen = self;
	exchange *it = *context;
	if (!it)
		return MHD_NO;
	if (!it->connection) {
		it->connection = connection;
		it->request.method = method;
		const char *type = MHD_lookup_connection_value(
		    connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_TYPE);
		it->request.content_type = type ? type : "";
		return MHD_YES;
	}
	if (*length) {
		enum MHD_Result result = take_body(listen, it, data, *length);
		*length = 0;
		return result;
	}
	if (it->answered)
		return queue_answer(connection, it);
	if (!it->handled) {
		it->handled = true;
		MHD_suspend_connection(connection);
		listen->settings.handle(listen->settings.self, &it->request);
	}
	return MHD_YES;
}

void
ph_listen_answer(ph_listen_request *request, unsigned status, const char *content_type,
    const char *body, size_t length, const char *extra)
{
	exchange *it = (exchange *) request;
	it->status = status;
	snprintf(it->content_type, sizeof it->content_type, "%s", content_type);
	snprintf(it->extra, sizeof it->extra, "%s", extra ? extra : "");
	it->answer = malloc(length + 1);
	if (it->answer) {
		if (length)
			memcpy(it->answer, body, length);
		it->answer_length = length;
	} else {
		it->status = MHD_HTTP_SERVICE_UNAVAILABLE;
	}
	it->answered = true;
	MHD_resume_connection(it->connection);
}

/* The library's own lines would go to standard error. */
static void
no_log(void *self, const char *format, va_list arguments)
{
	(void) self;
	(void) format;
	(void) arguments;
}

/* Leave the URL as it came; `access` uses the raw one anyway. */
static size_t
no_unescape(void *self, struct MHD_Connection *connection, char *text)
{
	(void) self;
	(void) connection;
	return strlen(text);
}

/*
 * The library's own default lets an address be taken again at once after a stop
 * (SO_REUSEADDR). Its option for that would also let two programs listen on one
 * (SO_REUSEPORT), each getting some of the requests.
 */
static struct MHD_Daemon *
start_daemon(ph_listen *listen, const struct sockaddr_storage *address)
{
	unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_ALLOW_SUSPEND_RESUME |
			 MHD_USE_AUTO | MHD_USE_ERROR_LOG;
	if (address->ss_family == AF_INET6)
		flags |= MHD_USE_IPv6;
	const ph_listen_settings *settings = &listen->settings;
	return MHD_start_daemon(flags, 0, NULL, NULL, access_handler, listen,
	    MHD_OPTION_EXTERNAL_LOGGER, no_log, NULL, MHD_OPTION_SOCK_ADDR, address,
	    MHD_OPTION_URI_LOG_CALLBACK, log_uri, NULL, MHD_OPTION_UNESCAPE_CALLBACK,
	    no_unescape, NULL, MHD_OPTION_NOTIFY_COMPLETED, completed, NULL,
	    MHD_OPTION_CONNECTION_LIMIT,
	    settings->connections ? settings->connections : 256u,
	    MHD_OPTION_CONNECTION_TIMEOUT,
	    settings->idle_seconds ? settings->idle_seconds : 30u,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t) 65536, MHD_OPTION_END);
}

uint32_t
ph_listen_start(const ph_listen_settings *settings, ph_listen **out, unsigned *port,
    ph_adapter_error *error)
{
	struct sockaddr_storage address;
	if (!parse_address(settings->address, &address))
		return ph_listen_check(settings->address, "", error);
	ph_listen *listen = calloc(1, sizeof *listen);
	if (!listen)
		return ph_plug_fail(
		    error, PH_ADAPTER_FAILED, "", "PH4113 out of memory");
	listen->settings = *settings;
	listen->settings.address = NULL; /* the caller's, only lent */
	listen->daemon = start_daemon(listen, &address);
	if (!listen->daemon) {
		free(listen);
		return ph_plug_fail(error, PH_ADAPTER_FAILED, "",
		    "PH4113 cannot listen on %s: is another program using it?",
		    settings->address);
	}
	const union MHD_DaemonInfo *info =
	    MHD_get_daemon_info(listen->daemon, MHD_DAEMON_INFO_BIND_PORT);
	*port = info ? info->port : 0;
	*out = listen;
	return PH_ADAPTER_OK;
}

void
ph_listen_stop(ph_listen **listen_p)
{
	ph_listen *listen = *listen_p;
	if (!listen)
		return;
	*listen_p = NULL;
	MHD_stop_daemon(listen->daemon);
	free(listen);
}
