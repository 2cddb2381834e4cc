/* The http transport against real sockets: what is sent, and what a failure means. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <curl/curl.h>

#include "adapters/http/client.h"
#include "adapters/http/server.h"
#include "adapters/http/url.h"
#include "tests/unit/check_main.h"
#include "tests/unit/fake_host.h"
#include "tests/unit/http_caller.h"

/* ---- a vendor made of one listening socket ---- */

typedef struct vendor {
	int listener;
	unsigned port;
	pthread_t thread;
	const char *answer; /* NULL: read the request, then close */
	bool silent;	    /* read it, then say nothing until told to end */
	int ends[2];	    /* a pipe: closing it ends the silence */
	atomic_uint requests;
	char seen[8192]; /* the last request */
} vendor;

static void
read_request(vendor *v, int peer)
{
	size_t have = 0;
	size_t want = 0;
	while (have < sizeof v->seen - 1 && (!want || have < want)) {
		ssize_t got = recv(peer, v->seen + have, sizeof v->seen - 1 - have, 0);
		if (got <= 0)
			break;
		have += (size_t) got;
		v->seen[have] = '\0';
		const char *head = strstr(v->seen, "\r\n\r\n");
		const char *length = strstr(v->seen, "Content-Length: ");
		if (head)
			want = (size_t) (head + 4 - v->seen) +
			       (length ? strtoul(length + 16, NULL, 10) : 0);
	}
	atomic_fetch_add(&v->requests, 1u);
}

static void *
serve(void *self)
{
	vendor *v = self;
	for (;;) {
		struct pollfd items[] = {
		    {.fd = v->listener, .events = POLLIN}, {.fd = v->ends[0]}};
		if (poll(items, 2, 20000) <= 0 || items[1].revents)
			return NULL;
		int peer = accept(v->listener, NULL, NULL);
		if (peer < 0)
			return NULL;
		read_request(v, peer);
		if (v->silent) {
			struct pollfd end = {.fd = v->ends[0]};
			(void) poll(&end, 1, 20000);
		}
		if (v->answer)
			(void) send(peer, v->answer, strlen(v->answer), MSG_NOSIGNAL);
		(void) close(peer);
	}
}

static void
start_vendor(vendor *v, const char *answer, bool silent)
{
	struct sockaddr_in at = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof at;
	memset(v, 0, sizeof *v);
	v->answer = answer;
	v->silent = silent;
	v->listener = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(v->listener, (struct sockaddr *) &at, size), 0);
	ck_assert_int_eq(listen(v->listener, 8), 0);
	ck_assert_int_eq(getsockname(v->listener, (struct sockaddr *) &at, &size), 0);
	v->port = ntohs(at.sin_port);
	ck_assert_int_eq(pipe(v->ends), 0);
	ck_assert_int_eq(pthread_create(&v->thread, NULL, serve, v), 0);
}

static void
stop_vendor(vendor *v)
{
	(void) close(v->ends[1]);
	(void) pthread_join(v->thread, NULL);
	(void) close(v->ends[0]);
	(void) close(v->listener);
}

/* ---- the transport ---- */

typedef struct rig {
	fake_host host;
	ph_http_settings settings;
	ph_http_client *client;
	char json[1024];
} rig;

static uint32_t
read_settings(rig *r, ph_adapter_error *error)
{
	ph_adapter_config config = {.size = sizeof config,
	    .name = ph_plug_text("waste"),
	    .json = ph_plug_text(r->json)};
	return ph_http_settings_read(&config, &r->settings, error);
}

static void
start_rig(rig *r, unsigned port, const char *base, const char *more)
{
	ph_adapter_error error = {.size = sizeof error};
	memset(r, 0, sizeof *r);
	fake_host_init(&r->host);
	snprintf(r->json, sizeof r->json,
	    "{\"transport\":{\"url\":\"http://127.0.0.1:%u%s\"%s}}", port, base, more);
	ck_assert_uint_eq(read_settings(r, &error), 0);
	ck_assert_uint_eq(
	    ph_http_client_new(&r->host.table, &r->settings, &r->client, &error), 0);
	ck_assert_uint_eq(ph_http_client_start(r->client, &error), 0);
}

static void
stop_rig(rig *r)
{
	ph_http_client_destroy(&r->client);
	ph_http_settings_fini(&r->settings);
	fake_host_fini(&r->host);
}

static void
send_guarded(rig *r, uint32_t operation, const ph_adapter_pair *pairs, uint64_t count,
    const char *body, const char *version)
{
	ph_adapter_request request = {.size = sizeof request,
	    .operation = operation,
	    .token = 7,
	    .deadline = r->host.table.now(&r->host) + 15000,
	    .body = ph_plug_text(body),
	    .content_type = ph_plug_text("text/xml; charset=utf-8"),
	    .attributes = pairs,
	    .attribute_count = count,
	    .version = ph_plug_text(version)};
	ph_adapter_error error = {.size = sizeof error};
	ck_assert_uint_eq(ph_http_client_send(r->client, &request, &error), 0);
}

static void
send_with(rig *r, uint32_t operation, const ph_adapter_pair *pairs, uint64_t count,
    const char *body)
{
	send_guarded(r, operation, pairs, count, body, NULL);
}

static void
send_body(rig *r, const char *body)
{
	send_with(r, PH_ADAPTER_DELIVER, NULL, 0, body);
}

static const fake_answer *
wait_answer(rig *r)
{
	ck_assert(fake_host_wait_answered(&r->host, 1));
	ck_assert_uint_eq(r->host.answers[0].token, 7);
	return &r->host.answers[0];
}

START_TEST(an_answer_comes_whole)
{
	vendor v;
	rig r;
	start_vendor(&v,
	    "HTTP/1.1 500 Oh\r\nContent-Type: text/xml\r\nContent-Length: "
	    "8\r\n\r\n<Fault/>",
	    false);
	start_rig(&r, v.port, "/base/",
	    ",\"soap\":\"1.1\",\"headers\":{\"X-Api-Key\":\"k\"}");
	ph_adapter_pair pairs[] = {
	    {ph_plug_text("action"), ph_plug_text("urn:x/NewThing")},
	    {ph_plug_text("url"), ph_plug_text("cases/{case}/notes")},
	    {ph_plug_text("url.case"), ph_plug_text("A/1 b")},
	    {ph_plug_text("header.X-Trace"), ph_plug_text("t1")}};
	send_with(&r, PH_ADAPTER_DELIVER, pairs, 4, "<a>\xc3\xa9</a>");
	const fake_answer *got = wait_answer(&r);
	ck_assert_uint_eq(got->verdict, PH_ADAPTER_ANSWERED);
	ck_assert_uint_eq(got->status, 500);
	ck_assert_str_eq(got->body, "<Fault/>");
	ck_assert_str_eq(got->content_type, "text/xml");
	ck_assert_ptr_nonnull(
	    strstr(v.seen, "POST /base/cases/A%2F1%20b/notes HTTP/1.1\r\n"));
	ck_assert_ptr_nonnull(strstr(v.seen, "SOAPAction: \"urn:x/NewThing\"\r\n"));
	ck_assert_ptr_nonnull(
	    strstr(v.seen, "Content-Type: text/xml; charset=utf-8\r\n"));
	ck_assert_ptr_nonnull(strstr(v.seen, "X-Api-Key: k\r\n"));
	ck_assert_ptr_nonnull(strstr(v.seen, "X-Trace: t1\r\n"));
	ck_assert_ptr_null(strstr(v.seen, "Expect:"));
	ck_assert_ptr_nonnull(strstr(v.seen, "\r\n\r\n<a>\xc3\xa9</a>"));
	stop_rig(&r);
	stop_vendor(&v);
}
END_TEST

/* The nth exchange of a rig: its answer, and what the vendor saw of it. */
static const fake_answer *
exchange(rig *r, vendor *v, unsigned n, uint32_t operation, const char *answer,
    const char *version)
{
	v->answer = answer;
	bool fetch = operation == PH_ADAPTER_FETCH;
	send_guarded(r, operation, NULL, 0, fetch ? "" : "{}", version);
	ck_assert(fake_host_wait_answered(&r->host, n));
	return &r->host.answers[n - 1];
}

#define EMPTY "Content-Length: 0\r\nConnection: close\r\n"

/* A record is read with GET; its strong ETag guards the change, and 412 means: read again. */
START_TEST(a_record_is_read_and_guarded)
{
	vendor v;
	rig r;
	start_vendor(&v, NULL, false);
	start_rig(&r, v.port, "/", "");
	const fake_answer *got = exchange(&r, &v, 1, PH_ADAPTER_FETCH,
	    "HTTP/1.1 200 OK\r\nETag: \"x1\"\r\n" EMPTY "\r\n", NULL);
	ck_assert_uint_eq(got->verdict, PH_ADAPTER_ANSWERED);
	ck_assert_str_eq(got->version, "\"x1\"");
	ck_assert_ptr_nonnull(strstr(v.seen, "GET / HTTP/1.1\r\n"));
	got = exchange(&r, &v, 2, PH_ADAPTER_FETCH,
	    "HTTP/1.1 200 OK\r\nETag: W/\"x1\"\r\n" EMPTY "\r\n", NULL);
	ck_assert_str_eq(got->version, "");
	got = exchange(&r, &v, 3, PH_ADAPTER_DELIVER,
	    "HTTP/1.1 200 OK\r\nETag: \"x2\"\r\n" EMPTY "\r\n", "\"x1\"");
	ck_assert_uint_eq(got->verdict, PH_ADAPTER_ANSWERED);
	ck_assert_str_eq(got->version, "");
	ck_assert_ptr_nonnull(strstr(v.seen, "\r\nIf-Match: \"x1\"\r\n"));
	static const char late[] = "HTTP/1.1 412 Precondition Failed\r\n" EMPTY "\r\n";
	got = exchange(&r, &v, 4, PH_ADAPTER_DELIVER, late, "\"x1\"");
	ck_assert_uint_eq(got->verdict, PH_ADAPTER_CHANGED);
	/* it was not we who asked for it */
	got = exchange(&r, &v, 5, PH_ADAPTER_DELIVER, late, NULL);
	ck_assert_uint_eq(got->verdict, PH_ADAPTER_ANSWERED);
	ck_assert_ptr_null(strstr(v.seen, "If-Match"));
	stop_rig(&r);
	stop_vendor(&v);
}
END_TEST

/* One strong ETag of the answer itself, or nothing. */
START_TEST(what_is_no_strong_etag_guards_nothing)
{
	static const char *const rows[][2] = {{"ETag: \"x1\"", "\"x1\""},
	    {"ETag: \"\"", "\"\""}, {"ETag: x1", ""}, {"ETag: \"x1", ""},
	    {"ETag: \"", ""}, {"ETag: \"a\", \"b\"", ""}, {"ETag: \"a b\"", ""},
	    {"ETag: *", ""}, {"ETag:", ""}, {"X-Tag: \"x1\"", ""}};
	vendor v;
	rig r;
	char answer[256];
	start_vendor(&v, NULL, false);
	start_rig(&r, v.port, "/", "");
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		snprintf(answer, sizeof answer,
		    "HTTP/1.1 103 Early Hints\r\nETag: \"early\"\r\n\r\n"
		    "HTTP/1.1 200 OK\r\n%s\r\n" EMPTY "\r\n",
		    rows[i][0]);
		const fake_answer *got =
		    exchange(&r, &v, i + 1, PH_ADAPTER_FETCH, answer, NULL);
		ck_assert_msg(!strcmp(got->version, rows[i][1]), "%s: %s", rows[i][0],
		    got->version);
	}
	stop_rig(&r);
	stop_vendor(&v);
}
END_TEST

/* A host of 0.1 gives no version: what lies behind its request is not looked at. */
START_TEST(an_older_host_guards_nothing)
{
	vendor v;
	rig r;
	start_vendor(&v, "HTTP/1.1 200 OK\r\n" EMPTY "\r\n", false);
	start_rig(&r, v.port, "/", "");
	ph_adapter_error error = {.size = sizeof error};
	ph_adapter_request request = {.size = offsetof(ph_adapter_request, version),
	    .operation = PH_ADAPTER_DELIVER,
	    .token = 7,
	    .deadline = r.host.table.now(&r.host) + 15000,
	    .body = ph_plug_text("{}"),
	    .version = ph_plug_text("\"behind\"")};
	ck_assert_uint_eq(ph_http_client_send(r.client, &request, &error), 0);
	ck_assert_uint_eq(wait_answer(&r)->verdict, PH_ADAPTER_ANSWERED);
	ck_assert_ptr_null(strstr(v.seen, "behind"));
	stop_rig(&r);
	stop_vendor(&v);
}
END_TEST

START_TEST(refused_is_not_sent)
{
	vendor v;
	rig r;
	start_vendor(&v, NULL, false);
	unsigned port = v.port;
	stop_vendor(&v); /* nobody listens there now */
	start_rig(&r, port, "/", "");
	send_body(&r, "x");
	const fake_answer *got = wait_answer(&r);
	ck_assert_uint_eq(got->verdict, PH_ADAPTER_NOT_SENT);
	ck_assert_str_eq(got->text, "PH4103 connection refused");
	stop_rig(&r);
}
END_TEST

/* The system took the request and hung up: it may have done the work. One request, never two. */
START_TEST(hung_up_is_lost_and_not_repeated)
{
	vendor v;
	rig r;
	start_vendor(&v, NULL, false);
	start_rig(&r, v.port, "/", "");
	send_body(&r, "x");
	ck_assert_uint_eq(wait_answer(&r)->verdict, PH_ADAPTER_LOST);
	ck_assert_uint_eq(atomic_load(&v.requests), 1);
	stop_rig(&r);
	stop_vendor(&v);
}
END_TEST

/* A connection that was kept open and died must not make the client send a second time. */
START_TEST(a_delivery_does_not_reuse_a_connection)
{
	vendor v;
	rig r;
	start_vendor(&v, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false);
	start_rig(&r, v.port, "/", "");
	send_body(&r, "one");
	ck_assert_uint_eq(wait_answer(&r)->verdict, PH_ADAPTER_ANSWERED);
	v.answer = NULL;
	send_body(&r, "two");
	ck_assert(fake_host_wait_answered(&r.host, 2));
	ck_assert_uint_eq(r.host.answers[1].verdict, PH_ADAPTER_LOST);
	ck_assert_uint_eq(atomic_load(&v.requests), 2);
	stop_rig(&r);
	stop_vendor(&v);
}
END_TEST

START_TEST(silence_is_lost)
{
	vendor v;
	rig r;
	start_vendor(&v, NULL, true);
	start_rig(&r, v.port, "/", ",\"timeout\":\"1s\"");
	send_body(&r, "x");
	const fake_answer *got = wait_answer(&r);
	ck_assert_uint_eq(got->verdict, PH_ADAPTER_LOST);
	ck_assert_str_eq(got->text, "PH4105 no answer in time");
	stop_rig(&r);
	stop_vendor(&v);
}
END_TEST

START_TEST(a_huge_answer_is_lost)
{
	vendor v;
	rig r;
	start_vendor(
	    &v, "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n0123456789ab", false);
	start_rig(&r, v.port, "/", ",\"answer_limit\":\"8\"");
	send_body(&r, "x");
	const fake_answer *got = wait_answer(&r);
	ck_assert_uint_eq(got->verdict, PH_ADAPTER_LOST);
	ck_assert_str_eq(got->text, "PH4107 the answer is too large");
	stop_rig(&r);
	stop_vendor(&v);
}
END_TEST

START_TEST(a_wish_to_wait_is_handed_on)
{
	vendor v;
	rig r;
	start_vendor(&v,
	    "HTTP/1.1 503 No\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", false);
	start_rig(&r, v.port, "/", "");
	ph_adapter_pair pairs[] = {{ph_plug_text("method"), ph_plug_text("PATCH")}};
	send_with(&r, PH_ADAPTER_DELIVER, pairs, 1, "{}");
	const fake_answer *got = wait_answer(&r);
	ck_assert_uint_eq(got->status, 503);
	ck_assert_uint_eq(got->delay, 7000);
	ck_assert_ptr_nonnull(strstr(v.seen, "PATCH / HTTP/1.1\r\n"));
	stop_rig(&r);
	stop_vendor(&v);
}
END_TEST

/* Stopping answers what is under way; nothing is left open. */
START_TEST(stopping_ends_what_is_under_way)
{
	vendor v;
	rig r;
	start_vendor(&v, NULL, true);
	start_rig(&r, v.port, "/", "");
	send_body(&r, "x");
	for (int i = 0; i < 6000 && !atomic_load(&v.requests); i++)
		(void) poll(NULL, 0, 10);
	ph_http_client_stop(r.client);
	ck_assert_uint_eq(wait_answer(&r)->verdict, PH_ADAPTER_LOST);
	ph_adapter_request request = {.size = sizeof request, .token = 8};
	ph_adapter_error error = {.size = sizeof error};
	ck_assert_uint_eq(
	    ph_http_client_send(r.client, &request, &error), PH_ADAPTER_CLOSED);
	stop_rig(&r);
	stop_vendor(&v);
}
END_TEST

/* ---- addresses ---- */

START_TEST(urls_are_joined)
{
	static const struct {
		const char *base, *path, *name, *value, *want;
	} cases[] = {{"http://h/", "", "", "", "http://h/"},
	    {"http://h", "/a/b", "", "", "http://h/a/b"},
	    {"http://h/x/", "a", "", "", "http://h/x/a"},
	    {"http://h/x", "?q={v}", "url.v", "a&b=c", "http://h/x?q=a%26b%3Dc"},
	    {"http://h/", "a/{v}/b", "url.v", "../x", "http://h/a/..%2Fx/b"},
	    {"http://h/", "a/{v}", "url.v", "\xc3\xa9 %", "http://h/a/%C3%A9%20%25"},
	    {"http://h/", "https://other/a", "", "", "https://other/a"},
	    {"http://h/", "a/{v}", "url.v", "..", NULL},
	    {"http://h/", "a/{v}", "url.v", "", NULL},
	    {"http://h/", "a/{v}", "url.w", "1", NULL},
	    {"http://h/", "a/{v", "url.v", "1", NULL}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		ph_adapter_pair pair = {
		    ph_plug_text(cases[i].name), ph_plug_text(cases[i].value)};
		char *url = NULL;
		ph_adapter_error error = {.size = sizeof error};
		uint32_t code = ph_http_url(
		    cases[i].base, ph_plug_text(cases[i].path), &pair, 1, &url, &error);
		if (cases[i].want)
			ck_assert_str_eq(url, cases[i].want);
		else
			ck_assert_uint_eq(code, PH_ADAPTER_INVALID);
		free(url);
	}
}
END_TEST

START_TEST(verdicts)
{
	const char *text = NULL;
	ck_assert_uint_eq(
	    ph_http_verdict(CURLE_COULDNT_RESOLVE_HOST, 0, &text), PH_ADAPTER_NOT_SENT);
	ck_assert_uint_eq(
	    ph_http_verdict(CURLE_OPERATION_TIMEDOUT, 0, &text), PH_ADAPTER_NOT_SENT);
	ck_assert_uint_eq(
	    ph_http_verdict(CURLE_OPERATION_TIMEDOUT, 1, &text), PH_ADAPTER_LOST);
	ck_assert_uint_eq(
	    ph_http_verdict(CURLE_SEND_ERROR, 10, &text), PH_ADAPTER_LOST);
	ck_assert_uint_eq(
	    ph_http_verdict(CURLE_URL_MALFORMAT, 0, &text), PH_ADAPTER_REFUSED);
	ck_assert_uint_eq(
	    ph_http_verdict(CURLE_GOT_NOTHING, 99, &text), PH_ADAPTER_LOST);
}
END_TEST

/* ---- pushes ---- */

START_TEST(pushes_are_answered_by_what_became_of_them)
{
	static const struct {
		uint32_t result;
		unsigned status;
		const char *has;
	} cases[] = {{PH_ADAPTER_ACCEPTED, 200, "\r\n\r\nOK"},
	    {PH_ADAPTER_DUPLICATE, 200, "\r\n\r\nOK"},
	    {PH_ADAPTER_IGNORED, 200, "\r\n\r\nOK"},
	    {PH_ADAPTER_KEPT, 200, "\r\n\r\nOK"},
	    {PH_ADAPTER_MALFORMED, 400, "PH3101 bad at jobId"},
	    {PH_ADAPTER_FORBIDDEN, 401, "not allowed"}, {PH_ADAPTER_CONFLICT, 409, ""},
	    {PH_ADAPTER_TOO_LARGE, 413, ""}, {PH_ADAPTER_LATER, 503, "Retry-After: 5"},
	    {99, 503, ""}};
	rig r;
	ph_http_server *server = NULL;
	ph_adapter_error error = {.size = sizeof error};
	unsigned port = http_free_port();
	memset(&r, 0, sizeof r);
	fake_host_init(&r.host);
	snprintf(r.json, sizeof r.json,
	    "{\"transport\":{\"body_limit\":\"100\",\"listen\":\"127.0.0.1:%u\"},"
	    "\"receive\":[{\"name\":\"poke\",\"path\":\"/a\",\"ok\":\"OK\"}]}",
	    port);
	ck_assert_uint_eq(read_settings(&r, &error), 0);
	ck_assert_uint_eq(
	    ph_http_server_start(&r.host.table, &r.settings, &server, &error), 0);
	http_caller c;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		r.host.receipt = (ph_adapter_receipt){.size = sizeof r.host.receipt,
		    .result = cases[i].result,
		    .path = ph_plug_text("jobId"),
		    .text = ph_plug_text("PH3101 bad")};
		http_post(&c, port, "/a?b=c", "text/xml", "<x/>");
		ck_assert_uint_eq(c.status, cases[i].status);
		ck_assert_ptr_nonnull(strstr(c.answer, cases[i].has));
	}
	ck_assert_str_eq(r.host.entry, "poke");
	ck_assert_str_eq(r.host.body, "<x/>");
	ck_assert_uint_eq(r.host.received, sizeof cases / sizeof *cases);
	http_post(&c, port, "/other", "text/xml", "<x/>");
	ck_assert_uint_eq(c.status, 404);
	http_get(&c, port, "/a");
	ck_assert_uint_eq(c.status, 405);
	char large[201];
	memset(large, 'x', 200);
	large[200] = '\0';
	http_post(&c, port, "/a", "text/xml", large);
	ck_assert_uint_eq(c.status, 413);
	r.host.refuse_receive = PH_ADAPTER_BUSY;
	http_post(&c, port, "/a", "text/xml", "<x/>");
	ck_assert_uint_eq(c.status, 503);
	ph_http_server_stop(&server);
	ph_http_settings_fini(&r.settings);
	fake_host_fini(&r.host);
}
END_TEST

START_TEST(settings_say_what_is_wrong)
{
	static const struct {
		const char *json, *path;
	} cases[] = {{"{\"transport\":{\"timeout\":\"soon\"}}", "transport/timeout"},
	    {"{\"transport\":{\"headers\":{\"A:\":\"b\"}}}", "transport/headers"},
	    {"{\"transport\":{\"headers\":{\"A\":\"b\\r\\nC: d\"}}}",
		"transport/headers"},
	    {"{\"transport\":{},\"receive\":[{\"path\":\"/a\"}]}", "receive/0/listen"},
	    {"{\"transport\":{},\"receive\":[{\"path\":\"/a\",\"listen\":\"here\"}]}",
		"receive/0/listen"},
	    {"{\"transport\":{\"listen\":\"127.0.0.1:1\"},\"receive\":[{\"path\":\"/"
	     "a\"},{"
	     "\"path\":\"/a\"}]}",
		"receive/1/listen"}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		rig r;
		memset(&r, 0, sizeof r);
		ph_adapter_error error = {.size = sizeof error};
		snprintf(r.json, sizeof r.json, "%s", cases[i].json);
		ck_assert_uint_eq(read_settings(&r, &error), PH_ADAPTER_INVALID);
		ck_assert_str_eq(error.path, cases[i].path);
		ck_assert_int_eq(strncmp(error.text, "PH41", 4), 0);
		ph_http_settings_fini(&r.settings);
	}
}
END_TEST

static Suite *
http_suite(void)
{
	Suite *suite = suite_create("http");
	TCase *tcase = tcase_create("http");
	tcase_add_test(tcase, an_answer_comes_whole);
	tcase_add_test(tcase, a_record_is_read_and_guarded);
	tcase_add_test(tcase, what_is_no_strong_etag_guards_nothing);
	tcase_add_test(tcase, an_older_host_guards_nothing);
	tcase_add_test(tcase, refused_is_not_sent);
	tcase_add_test(tcase, hung_up_is_lost_and_not_repeated);
	tcase_add_test(tcase, a_delivery_does_not_reuse_a_connection);
	tcase_add_test(tcase, silence_is_lost);
	tcase_add_test(tcase, a_huge_answer_is_lost);
	tcase_add_test(tcase, a_wish_to_wait_is_handed_on);
	tcase_add_test(tcase, stopping_ends_what_is_under_way);
	tcase_add_test(tcase, urls_are_joined);
	tcase_add_test(tcase, verdicts);
	tcase_add_test(tcase, pushes_are_answered_by_what_became_of_them);
	tcase_add_test(tcase, settings_say_what_is_wrong);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return ph_check_main(http_suite());
}
