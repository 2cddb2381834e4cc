/*
 * Asking: one connection a question. Lines are read into a buffer that grows with the longest one;
 * a broker that says nothing for ANSWER_MS is taken for not reachable.
 */
#include "cli/ask.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/buffer.h"
#include "lib/base/os.h"
#include "lib/site/site.h"

#define ANSWER_MS 30000
#define LINE_MOST (8u << 20)

#ifndef PH_SYSCONFDIR
#define PH_SYSCONFDIR "/etc/packhorse"
#endif

/* --- where the broker is --- */

static ph_status
join(char *out, size_t size, const char *directory, ph_error *err)
{
	int length = snprintf(out, size, "%s/control", directory);
	if (length < 0 || (size_t) length >= size)
		return ph_fail(err, PH_ERR_TOO_LARGE,
		    "PH7301 the run directory's path is too long");
	return PH_OK;
}

static ph_status
path_of_site(const char *directory, char *out, size_t size, ph_error *err)
{
	ph_site *site = NULL;
	ph_status status = ph_site_load_broker(directory, &site, err);
	if (status == PH_OK)
		status = join(out, size, site->run, err);
	ph_site_destroy(&site);
	return status;
}

ph_status
ph_ask_path(const ph_cli *cli, char *out, size_t size, ph_error *err)
{
	if (cli->socket != NULL) {
		int length = snprintf(out, size, "%s", cli->socket);
		return length >= 0 && (size_t) length < size
			   ? PH_OK
			   : ph_fail(err, PH_ERR_TOO_LARGE,
				 "PH7301 the socket's path is too long");
	}
	if (cli->site != NULL)
		return path_of_site(cli->site, out, size, err);
	const char *run = getenv("PACKHORSE_RUN");
	if (run != NULL && run[0] != '\0')
		return join(out, size, run, err);
	const char *site = getenv("PACKHORSE_SITE");
	if (site != NULL && site[0] != '\0')
		return path_of_site(site, out, size, err);
	if (access(PH_SYSCONFDIR "/packhorse.yaml", R_OK) == 0 &&
	    path_of_site(PH_SYSCONFDIR, out, size, NULL) == PH_OK)
		return PH_OK;
	return join(out, size, "/run/packhorse", err);
}

/* --- one question --- */

typedef struct question {
	int fd;
	ph_buffer in;
	ph_ask_row_fn *row;
	void *self;
	bool ended; /* the last line came */
} question;

static ph_status
gone(ph_error *err, const char *path, const char *why)
{
	return ph_fail_at(err, PH_ERR_CLOSED, path,
	    "PH7010 the broker cannot be reached: %s; is packhorsed running, with this "
	    "run "
	    "directory (-c DIR, --socket PATH or PACKHORSE_RUN)?",
	    why);
}

static ph_status
send_request(
    question *q, const char *path, const char *verb, json_t *args, ph_error *err)
{
	json_t *request = json_pack("{s:s}", "verb", verb);
	if (request != NULL && args != NULL)
		json_object_set(request, "args", args);
	char *text = request != NULL ? json_dumps(request, JSON_COMPACT) : NULL;
	json_decref(request);
	if (text == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for the request");
	size_t length = strlen(text), done = 0;
	text[length] = '\n'; /* in the place of its final zero */
	ph_status status = PH_OK;
	while (done <= length && status == PH_OK) {
		ssize_t sent =
		    send(q->fd, text + done, length + 1 - done, MSG_NOSIGNAL);
		if (sent < 0 && errno != EINTR)
			status = gone(err, path, strerror(errno));
		else if (sent > 0)
			done += (size_t) sent;
	}
	free(text);
	return status;
}

/* The status that the broker's word means. */
static ph_status
status_of(const char *word)
{
	for (int i = PH_OK + 1; word != NULL && i <= PH_ERR_NOMEM; i++)
		if (strcmp(ph_status_name((ph_status) i), word) == 0)
			return (ph_status) i;
	return PH_ERR_IO;
}

static const char *
text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text != NULL ? text : "";
}

static ph_status
take_line(question *q, const char *line, size_t length, ph_error *err)
{
	json_t *object = json_loadb(line, length, 0, NULL);
	ph_status status = PH_OK;
	if (!json_is_object(object)) {
		status = ph_fail(err, PH_ERR_VERSION,
		    "PH7012 the broker's answer is not understood");
	} else if (json_is_true(json_object_get(object, "end"))) {
		const json_t *error = json_object_get(object, "error");
		q->ended = true;
		if (json_integer_value(json_object_get(object, "exit")) != 0)
			status = ph_fail_at(err, status_of(text_of(error, "status")),
			    text_of(error, "where"), "%s", text_of(error, "text"));
	} else if (q->row != NULL) {
		q->row(q->self, object);
	}
	json_decref(object);
	return status;
}

/* Whole lines of what has been read. */
static ph_status
take_lines(question *q, ph_error *err)
{
	size_t at = 0;
	ph_status status = PH_OK;
	while (status == PH_OK && !q->ended && at < q->in.length) {
		const uint8_t *start = q->in.data + at;
		const uint8_t *end = memchr(start, '\n', q->in.length - at);
		if (end == NULL)
			break;
		size_t length = (size_t) (end - start);
		status = take_line(q, (const char *) start, length, err);
		at += length + 1;
	}
	if (at > 0) {
		memmove(q->in.data, q->in.data + at, q->in.length - at);
		q->in.length -= at;
	}
	return status;
}

static ph_status
read_answer(question *q, const char *path, ph_error *err)
{
	ph_status status = PH_OK;
	while (status == PH_OK && !q->ended) {
		struct pollfd item = {.fd = q->fd, .events = POLLIN};
		int ready = poll(&item, 1, ANSWER_MS);
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready == 0)
			return gone(err, path, "it does not answer");
		if (!ph_buffer_reserve(&q->in, 65536))
			return ph_fail(err, PH_ERR_TOO_LARGE,
			    "PH7012 a line of the answer is too long");
		ssize_t got = recv(q->fd, q->in.data + q->in.length, 65536, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return gone(err, path, strerror(errno));
		if (got == 0)
			return gone(
			    err, path, "it hung up before its answer was complete");
		q->in.length += (size_t) got;
		status = take_lines(q, err);
	}
	return status;
}

ph_status
ph_ask_quietly(const ph_cli *cli, const char *verb, json_t *args, ph_ask_row_fn *row,
    void *self, ph_error *err)
{
	char path[512];
	ph_error trouble;
	question q = {.fd = -1, .row = row, .self = self};
	ph_buffer_init(&q.in, LINE_MOST);
	ph_status status = ph_ask_path(cli, path, sizeof path, err);
	if (status != PH_OK)
		goto end;
	if (ph_os_connect(path, &q.fd, &trouble) != PH_OK) {
		status = gone(err, path,
		    trouble.sys_errno != 0 ? strerror(trouble.sys_errno)
					   : trouble.text);
		goto end;
	}
	status = send_request(&q, path, verb, args, err);
	if (status == PH_OK)
		status = read_answer(&q, path, err);
end:
	if (q.fd >= 0)
		close(q.fd);
	ph_buffer_fini(&q.in);
	json_decref(args);
	return status;
}

int
ph_ask_unreachable(ph_cli *cli, const ph_error *err)
{
	(void) ph_cli_fail(cli, err);
	return PH_EXIT_UNREACHABLE;
}

int
ph_ask(ph_cli *cli, const char *verb, json_t *args, ph_ask_row_fn *row, void *self)
{
	ph_error err = {.status = PH_OK};
	ph_status status = ph_ask_quietly(cli, verb, args, row, self, &err);
	if (status == PH_OK)
		return PH_EXIT_OK;
	if (status == PH_ERR_CLOSED)
		return ph_ask_unreachable(cli, &err);
	return ph_cli_fail(cli, &err);
}

/* --- tables --- */

static void
add_row(void *self, json_t *row)
{
	ph_rows_add(self, json_incref(row));
}

int
ph_ask_table(ph_cli *cli, const char *verb, json_t *args, const ph_column *columns,
    size_t count, const char *empty)
{
	ph_error err;
	ph_rows *rows = NULL;
	if (ph_rows_new(cli, columns, count, &rows, &err) != PH_OK) {
		json_decref(args);
		return ph_cli_fail(cli, &err);
	}
	json_int_t most = json_integer_value(json_object_get(args, "most"));
	int code = ph_ask(cli, verb, args, add_row, rows);
	bool full = most > 0 && ph_rows_count(rows) == (size_t) most;
	ph_rows_finish(&rows, code == PH_EXIT_OK ? empty : NULL);
	if (full)
		ph_cli_note(cli,
		    "no more than %lld are shown: --most N for more, --after for what "
		    "comes behind",
		    (long long) most);
	return code;
}

/* --- arguments --- */

void
ph_ask_set(json_t *args, const char *name, const char *text)
{
	if (text != NULL)
		json_object_set_new(args, name, json_string(text));
}

bool
ph_ask_reveal(ph_cli *cli, const ph_args *from, json_t *args)
{
	const char *why = ph_args_get(from, "reason");
	if (!ph_args_has(from, "reveal")) {
		if (why == NULL)
			return true;
		ph_cli_usage(cli, "PH7007 --reason goes with --reveal");
		return false;
	}
	if (why == NULL || why[0] == '\0') {
		ph_cli_usage(cli, "PH7007 --reveal needs --reason \"...\": who looks "
				  "at payloads, and why, "
				  "is kept in the broker's log");
		return false;
	}
	json_object_set_new(args, "reveal", json_true());
	ph_ask_set(args, "why", why);
	return true;
}
