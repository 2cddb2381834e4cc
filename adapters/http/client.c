/*
 * The thread sleeps in curl_multi_poll and is woken by curl_multi_wakeup. New transfers wait in a
 * list under a mutex until it takes them; everything else belongs to the thread.
 *
 * Why a delivery never reuses a connection: when a kept-alive connection dies without an answer,
 * libcurl sends the request again on a fresh one, a POST too. The system may have taken the first
 * one. A fresh connection is never repeated, so one send is one request on the wire. For the same
 * reason there is no redirect and no "Expect: 100-continue". Polls and probes may reuse.
 */
#include "adapters/http/client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "adapters/http/url.h"

enum { HEADERS_MAX = 64, POLL_MS = 1000 };

typedef struct transfer transfer;
struct transfer {
	transfer *next;
	ph_http_client *client;
	uint64_t token;
	CURL *easy;
	struct curl_slist *headers; /* of the request */
	char *url;
	char *body;
	char *answer; /* bytes so far */
	size_t answer_length;
	size_t answer_capacity;
	bool fetches;	/* reads the record that is to be changed */
	bool guarded;	/* counts only while the record is as it was read */
	bool too_large; /* the answer went past the limit */
	char **names;	/* of the answer's headers */
	char **values;	/* beside them */
	size_t header_count;
	char why[CURL_ERROR_SIZE];
};

struct ph_http_client {
	const ph_adapter_host *host;
	const ph_http_settings *settings;
	CURLM *multi;
	pthread_t thread;
	bool started;
	pthread_mutex_t lock;
	transfer *waiting; /* under the lock: newest first */
	bool stopping;	   /* under the lock */
	transfer *running; /* the thread's */
};

uint32_t
ph_http_verdict(int code, uint64_t sent, const char **text)
{
	static const struct {
		int code;
		uint32_t verdict; /* if nothing was sent */
		const char *text;
	} known[] = {
	    {CURLE_UNSUPPORTED_PROTOCOL, PH_ADAPTER_REFUSED, "PH4101 no usable url"},
	    {CURLE_URL_MALFORMAT, PH_ADAPTER_REFUSED, "PH4101 no usable url"},
	    {CURLE_COULDNT_RESOLVE_PROXY, PH_ADAPTER_NOT_SENT, "PH4102 no such host"},
	    {CURLE_COULDNT_RESOLVE_HOST, PH_ADAPTER_NOT_SENT, "PH4102 no such host"},
	    {CURLE_COULDNT_CONNECT, PH_ADAPTER_NOT_SENT, "PH4103 connection refused"},
	    {CURLE_SSL_CONNECT_ERROR, PH_ADAPTER_NOT_SENT,
		"PH4104 no secure connection"},
	    {CURLE_PEER_FAILED_VERIFICATION, PH_ADAPTER_NOT_SENT,
		"PH4104 the certificate is not trusted"},
	    {CURLE_SSL_CACERT_BADFILE, PH_ADAPTER_NOT_SENT,
		"PH4104 the file of trusted certificates cannot be read"},
	    {CURLE_OPERATION_TIMEDOUT, PH_ADAPTER_NOT_SENT, "PH4105 no answer in time"},
	    {CURLE_WRITE_ERROR, PH_ADAPTER_LOST, "PH4107 the answer is too large"},
	};
	*text = "PH4106 the connection broke";
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (known[i].code != code)
			continue;
		*text = known[i].text;
		return sent ? PH_ADAPTER_LOST : known[i].verdict;
	}
	return sent ? PH_ADAPTER_LOST : PH_ADAPTER_NOT_SENT;
}

static void
drop_headers(transfer *it)
{
	while (it->header_count) {
		free(it->names[--it->header_count]);
		free(it->values[it->header_count]);
	}
}

static void
free_transfer(transfer *it)
{
	if (it->easy)
		curl_easy_cleanup(it->easy);
	curl_slist_free_all(it->headers);
	drop_headers(it);
	free(it->names);
	free(it->values);
	free(it->url);
	free(it->body);
	free(it->answer);
	free(it);
}

static size_t
take_answer(char *data, size_t size, size_t count, void *self)
{
	transfer *it = self;
	size_t length = size * count;
	if (length > it->client->settings->answer_limit - it->answer_length) {
		it->too_large = true;
		return 0;
	}
	size_t need = it->answer_length + length;
	if (need > it->answer_capacity) {
		char *grown = realloc(it->answer, need * 2);
		if (!grown)
			return 0;
		it->answer = grown;
		it->answer_capacity = need * 2;
	}
	memcpy(it->answer + it->answer_length, data, length);
	it->answer_length = need;
	return length;
}

/* "Name: value\r\n" to lower-case name and trimmed value. Each status line begins anew: a proxy's
 * answer and 1xx come before the answer, and are not it. */
static size_t
take_header(char *data, size_t size, size_t count, void *self)
{
	transfer *it = self;
	size_t length = size * count;
	const char *colon = memchr(data, ':', length);
	if (length > 5 && !memcmp(data, "HTTP/", 5)) {
		drop_headers(it);
		return length;
	}
	if (!colon || it->header_count == HEADERS_MAX)
		return length;
	const char *from = colon + 1, *end = data + length;
	while (from < end && (*from == ' ' || *from == '\t'))
		from++;
	while (end > from && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' '))
		end--;
	char *name = ph_plug_dup((ph_adapter_text){data, (uint64_t) (colon - data)});
	char *value = ph_plug_dup((ph_adapter_text){from, (uint64_t) (end - from)});
	if (!name || !value) {
		free(name);
		free(value);
		return 0;
	}
	for (char *c = name; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char) (*c - 'A' + 'a');
	it->names[it->header_count] = name;
	it->values[it->header_count++] = value;
	return length;
}

static const char *
header_of(const transfer *it, const char *name)
{
	for (size_t i = 0; i < it->header_count; i++)
		if (!strcmp(it->names[i], name))
			return it->values[i];
	return NULL;
}

/* One text in quotes, without blanks and quotes in it. */
static bool
is_strong(const char *tag)
{
	size_t length = strlen(tag), at = 1;
	if (length < 2 || *tag != '"')
		return false;
	while (at < length - 1 && (unsigned char) tag[at] > ' ' && tag[at] != '"')
		at++;
	return at == length - 1 && tag[at] == '"';
}

/* What names the state of a record that was read. A weak ETag is none: If-Match compares strongly;
 * what is no ETag would only be refused. */
static ph_adapter_text
version_of(const transfer *it)
{
	const char *tag = it->fetches ? header_of(it, "etag") : NULL;
	return ph_plug_text(tag && is_strong(tag) ? tag : NULL);
}

/* How long the system asks to be left alone: Retry-After in seconds. */
static uint64_t
wish_to_wait(const transfer *it)
{
	const char *text = header_of(it, "retry-after");
	if (!text || *text < '0' || *text > '9')
		return 0;
	char *end = NULL;
	unsigned long seconds = strtoul(text, &end, 10);
	return *end || seconds > 86400 ? 0 : (uint64_t) seconds * 1000;
}

static void
answer_good(transfer *it)
{
	ph_adapter_pair headers[HEADERS_MAX];
	for (size_t i = 0; i < it->header_count; i++)
		headers[i] = (ph_adapter_pair){
		    ph_plug_text(it->names[i]), ph_plug_text(it->values[i])};
	long status = 0;
	curl_easy_getinfo(it->easy, CURLINFO_RESPONSE_CODE, &status);
	ph_adapter_answer answer = {.size = sizeof answer,
	    .verdict = PH_ADAPTER_ANSWERED,
	    .status = (uint32_t) status,
	    .delay = wish_to_wait(it),
	    .body = {it->answer, it->answer_length},
	    .content_type = ph_plug_text(header_of(it, "content-type")),
	    .headers = headers,
	    .header_count = it->header_count,
	    .version = version_of(it)};
	if (it->guarded && status == 412) {
		answer.verdict = PH_ADAPTER_CHANGED;
		answer.text =
		    ph_plug_text("PH4124 the record was changed in between (412)");
	}
	it->client->host->answered(it->client->host->self, it->token, &answer);
}

/* Bytes of the request that have left. */
static uint64_t
bytes_sent(const transfer *it)
{
	long head = 0;
	curl_off_t body = 0;
	curl_easy_getinfo(it->easy, CURLINFO_REQUEST_SIZE, &head);
	curl_easy_getinfo(it->easy, CURLINFO_SIZE_UPLOAD_T, &body);
	return (uint64_t) head + (uint64_t) body;
}

static void
answer_bad(transfer *it, CURLcode code)
{
	const char *text = NULL;
	uint32_t verdict = ph_http_verdict((int) code, bytes_sent(it), &text);
	ph_adapter_answer answer = {
	    .size = sizeof answer, .verdict = verdict, .text = ph_plug_text(text)};
	it->client->host->answered(it->client->host->self, it->token, &answer);
}

static void
finish(transfer *it, CURLcode code)
{
	ph_http_client *client = it->client;
	for (transfer **at = &client->running; *at; at = &(*at)->next) {
		if (*at == it) {
			*at = it->next;
			break;
		}
	}
	curl_multi_remove_handle(client->multi, it->easy);
	if (code == CURLE_OK)
		answer_good(it);
	else
		answer_bad(it, code);
	free_transfer(it);
}

/* Take what waits; false: time to stop. */
static bool
take_waiting(ph_http_client *client)
{
	pthread_mutex_lock(&client->lock);
	transfer *list = client->waiting;
	client->waiting = NULL;
	bool stopping = client->stopping;
	pthread_mutex_unlock(&client->lock);
	transfer *ordered = NULL; /* oldest first again */
	while (list) {
		transfer *it = list;
		list = it->next;
		it->next = ordered;
		ordered = it;
	}
	while (ordered) {
		transfer *it = ordered;
		ordered = it->next;
		it->next = client->running;
		client->running = it;
		if (curl_multi_add_handle(client->multi, it->easy) != CURLM_OK)
			finish(it, CURLE_OUT_OF_MEMORY);
	}
	return !stopping;
}

static void
reap(ph_http_client *client)
{
	int left = 0;
	CURLMsg *message = NULL;
	while ((message = curl_multi_info_read(client->multi, &left))) {
		if (message->msg != CURLMSG_DONE)
			continue;
		char *private = NULL;
		CURLcode code = message->data.result;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
		finish((transfer *) (void *) private, code);
	}
}

static void *
run(void *self)
{
	ph_http_client *client = self;
	while (take_waiting(client)) {
		int running = 0;
		curl_multi_perform(client->multi, &running);
		reap(client);
		curl_multi_poll(client->multi, NULL, 0, POLL_MS, NULL);
	}
	while (client->running)
		finish(client->running, CURLE_ABORTED_BY_CALLBACK);
	return NULL;
}

uint32_t
ph_http_client_new(const ph_adapter_host *host, const ph_http_settings *settings,
    ph_http_client **out, ph_adapter_error *error)
{
	ph_http_client *client = calloc(1, sizeof *client);
	if (client && curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK) {
		client->multi = curl_multi_init();
		if (client->multi) {
			client->host = host;
			client->settings = settings;
			pthread_mutex_init(&client->lock, NULL);
			curl_multi_setopt(client->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS,
			    settings->connections);
			*out = client;
			return PH_ADAPTER_OK;
		}
		curl_global_cleanup();
	}
	free(client);
	return ph_plug_fail(error, PH_ADAPTER_FAILED, "", "PH4113 out of memory");
}

uint32_t
ph_http_client_start(ph_http_client *client, ph_adapter_error *error)
{
	if (pthread_create(&client->thread, NULL, run, client))
		return ph_plug_fail(
		    error, PH_ADAPTER_FAILED, "", "PH4113 no thread to be had");
	client->started = true;
	return PH_ADAPTER_OK;
}

static bool
append_line(transfer *it, const char *line)
{
	struct curl_slist *grown = curl_slist_append(it->headers, line);
	if (grown)
		it->headers = grown;
	return grown != NULL;
}

static bool
add_header(transfer *it, const char *name, ph_adapter_text value)
{
	for (uint64_t i = 0; i < value.length; i++)
		if ((unsigned char) value.data[i] < 0x20 && value.data[i] != '\t')
			return false;
	size_t size = strlen(name) + value.length + 3;
	char *line = malloc(size);
	if (!line)
		return false;
	/* "Name;" is libcurl's way to send one without a value; "Name:" would leave it out */
	if (value.length)
		snprintf(line, size, "%s: %.*s", name, (int) value.length, value.data);
	else
		snprintf(line, size, "%s;", name);
	bool good = append_line(it, line);
	free(line);
	return good;
}

/* The content type; with SOAP 1.2 the action is part of it. */
static bool
add_type(transfer *it, const ph_adapter_request *request, ph_adapter_text action)
{
	const char *soap = it->client->settings->soap;
	if (soap && !strcmp(soap, "1.2")) {
		char type[1024];
		snprintf(type, sizeof type,
		    "application/soap+xml; charset=utf-8%s%.*s%s",
		    action.length ? "; action=\"" : "",
		    (int) (action.length < 900 ? action.length : 900),
		    action.length ? action.data : "", action.length ? "\"" : "");
		return add_header(it, "Content-Type", ph_plug_text(type));
	}
	if (!request->content_type.length)
		return add_header(
		    it, "Content-Type", ph_plug_text("application/octet-stream"));
	return add_header(it, "Content-Type", request->content_type);
}

static bool
add_action(transfer *it, ph_adapter_text action)
{
	const char *soap = it->client->settings->soap;
	if (!action.data || !soap || strcmp(soap, "1.1"))
		return true;
	char quoted[1024];
	snprintf(quoted, sizeof quoted, "\"%.*s\"", (int) action.length, action.data);
	return action.length < 1000 &&
	       add_header(it, "SOAPAction", ph_plug_text(quoted));
}

static bool
add_headers(transfer *it, const ph_adapter_request *request)
{
	const ph_http_settings *settings = it->client->settings;
	ph_adapter_text action =
	    ph_plug_pair(request->attributes, request->attribute_count, "action");
	bool good = append_line(it, "Expect:") && add_action(it, action);
	if (good && request->body.length)
		good = add_type(it, request, action);
	if (good && it->guarded)
		good = add_header(it, "If-Match", request->version);
	for (size_t i = 0; i < settings->header_count && good; i++)
		good = add_header(it, settings->headers[i].name,
		    ph_plug_text(settings->headers[i].value));
	for (uint64_t i = 0; i < request->attribute_count && good; i++) {
		ph_adapter_text name = request->attributes[i].name;
		char text[128];
		if (name.length < 8 || name.length >= sizeof text ||
		    memcmp(name.data, "header.", 7))
			continue;
		snprintf(
		    text, sizeof text, "%.*s", (int) (name.length - 7), name.data + 7);
		good = !strpbrk(text, ": \r\n") &&
		       add_header(it, text, request->attributes[i].value);
	}
	return good;
}

static void
set_method(transfer *it, const char *method, const ph_adapter_request *request)
{
	if (!strcmp(method, "GET")) {
		curl_easy_setopt(it->easy, CURLOPT_HTTPGET, 1L);
		return;
	}
	curl_easy_setopt(it->easy, CURLOPT_POST, 1L);
	curl_easy_setopt(it->easy, CURLOPT_POSTFIELDS, it->body);
	curl_easy_setopt(
	    it->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) request->body.length);
	if (strcmp(method, "POST"))
		curl_easy_setopt(it->easy, CURLOPT_CUSTOMREQUEST, method);
}

static void
set_times(transfer *it, const ph_adapter_request *request)
{
	const ph_http_settings *settings = it->client->settings;
	uint64_t timeout = settings->timeout,
		 now = it->client->host->now(it->client->host->self);
	if (request->deadline && request->deadline < now + timeout)
		timeout = request->deadline > now ? request->deadline - now : 1;
	uint64_t connect =
	    settings->connect_timeout < timeout ? settings->connect_timeout : timeout;
	curl_easy_setopt(it->easy, CURLOPT_TIMEOUT_MS, (long) timeout);
	curl_easy_setopt(it->easy, CURLOPT_CONNECTTIMEOUT_MS, (long) connect);
	bool may_repeat = request->operation == PH_ADAPTER_POLL ||
			  request->operation == PH_ADAPTER_PROBE ||
			  request->operation == PH_ADAPTER_FETCH;
	curl_easy_setopt(it->easy, CURLOPT_FRESH_CONNECT, may_repeat ? 0L : 1L);
	curl_easy_setopt(it->easy, CURLOPT_FORBID_REUSE, may_repeat ? 0L : 1L);
}

static void
set_options(transfer *it)
{
	const ph_http_settings *settings = it->client->settings;
	CURL *easy = it->easy;
	curl_easy_setopt(easy, CURLOPT_URL, it->url);
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(
	    easy, CURLOPT_PROTOCOLS, (long) (CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 1L);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(easy, CURLOPT_PROXY, settings->proxy ? settings->proxy : "");
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "packhorse");
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, it->why);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, it->headers);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, it);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, it);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, it);
	if (settings->ca)
		curl_easy_setopt(easy, CURLOPT_CAINFO, settings->ca);
	if (settings->user) {
		curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long) CURLAUTH_BASIC);
		curl_easy_setopt(easy, CURLOPT_USERNAME, settings->user);
		curl_easy_setopt(easy, CURLOPT_PASSWORD, settings->password);
	}
	if (settings->bearer) {
		curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long) CURLAUTH_BEARER);
		curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, settings->bearer);
	}
}

static bool
usable_method(ph_adapter_text method)
{
	static const char *const usable[] = {"POST", "PUT", "PATCH", "GET", "DELETE"};
	for (size_t i = 0; i < sizeof usable / sizeof *usable; i++)
		if (ph_plug_is(method, usable[i]))
			return true;
	return false;
}

static uint32_t
build(transfer *it, const ph_adapter_request *request, ph_adapter_error *error)
{
	const ph_http_settings *settings = it->client->settings;
	const ph_adapter_pair *pairs = request->attributes;
	uint64_t count = request->attribute_count;
	if (!settings->url)
		return ph_plug_fail(error, PH_ADAPTER_INVALID, "transport/url",
		    "PH4101 a url is needed to send");
	uint32_t code = ph_http_url(settings->url, ph_plug_pair(pairs, count, "url"),
	    pairs, count, &it->url, error);
	if (code)
		return code;
	ph_adapter_text method = ph_plug_pair(pairs, count, "method");
	it->fetches = request->operation == PH_ADAPTER_FETCH;
	it->guarded = request->operation == PH_ADAPTER_DELIVER &&
		      PH_ADAPTER_HAS(ph_adapter_request, request, version) &&
		      request->version.length;
	if (!method.length)
		method = ph_plug_text(
		    it->fetches && !request->body.length ? "GET" : settings->method);
	if (!usable_method(method))
		return ph_plug_fail(error, PH_ADAPTER_INVALID, "method",
		    "PH4118 a method is one of POST, PUT, PATCH, GET, DELETE");
	char name[8];
	snprintf(name, sizeof name, "%.*s", (int) method.length, method.data);
	it->body = ph_plug_dup(request->body);
	it->easy = curl_easy_init();
	it->names = calloc(HEADERS_MAX, sizeof *it->names);
	it->values = calloc(HEADERS_MAX, sizeof *it->values);
	if (!it->body || !it->easy || !it->names || !it->values)
		return ph_plug_fail(
		    error, PH_ADAPTER_FAILED, "", "PH4113 out of memory");
	if (!add_headers(it, request))
		return ph_plug_fail(error, PH_ADAPTER_INVALID, "header",
		    "PH4114 a header is one line of text and its name has no colon");
	set_options(it);
	set_method(it, name, request);
	set_times(it, request);
	return PH_ADAPTER_OK;
}

uint32_t
ph_http_client_send(
    ph_http_client *client, const ph_adapter_request *request, ph_adapter_error *error)
{
	transfer *it = calloc(1, sizeof *it);
	if (!it)
		return ph_plug_fail(
		    error, PH_ADAPTER_FAILED, "", "PH4113 out of memory");
	it->client = client;
	it->token = request->token;
	uint32_t code = build(it, request, error);
	if (code) {
		free_transfer(it);
		return code;
	}
	pthread_mutex_lock(&client->lock);
	bool stopping = client->stopping;
	if (!stopping) {
		it->next = client->waiting;
		client->waiting = it;
	}
	pthread_mutex_unlock(&client->lock);
	if (stopping) {
		free_transfer(it);
		return ph_plug_fail(error, PH_ADAPTER_CLOSED, "", "PH4119 stopping");
	}
	curl_multi_wakeup(client->multi);
	return PH_ADAPTER_OK;
}

void
ph_http_client_stop(ph_http_client *client)
{
	pthread_mutex_lock(&client->lock);
	client->stopping = true;
	pthread_mutex_unlock(&client->lock);
	if (!client->started)
		return;
	curl_multi_wakeup(client->multi);
	pthread_join(client->thread, NULL);
	client->started = false;
}

void
ph_http_client_destroy(ph_http_client **client_p)
{
	ph_http_client *client = *client_p;
	if (!client)
		return;
	*client_p = NULL;
	ph_http_client_stop(client);
	curl_multi_cleanup(client->multi);
	curl_global_cleanup();
	pthread_mutex_destroy(&client->lock);
	free(client);
}
