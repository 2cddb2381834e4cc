/*
 * Publishing from a file or a pipe. Lines are handed to the client as fast as its window takes
 * them; what became of each is printed in the order of the lines, which is kept in a ring: an
 * answer that comes early waits for those before it. While the input is silent the session is kept
 * alive and what is packed goes out, so a slow pipe gets its answers at once.
 */
#include "cli/message.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/ask.h"
#include "cli/cloudevent.h"
#include "cli/session.h"
#include "lib/base/clock.h"

#define LINE_MOST  (4u << 20) /* bytes of one event in JSON */
#define RING	   8192	      /* events under way; more than the client's window */
#define READ_CHUNK 65536
#define PATIENCE_S 60

const ph_cli_option ph_publish_options[] = {
    {"timeout", "S", "give up when the broker acknowledges nothing for so long; 60"},
    {NULL, NULL, NULL},
};

/* One line's event. */
typedef struct slot {
	char *id;	     /* of the event, or "" */
	uint64_t ticket;     /* 0: never published */
	bool done;	     /* it may be printed */
	const char *status;  /* "accepted", "duplicate", "refused" */
	uint64_t acceptance; /* 0: none */
	char text[PH_ERROR_WHERE + PH_ERROR_TEXT];
} slot;

typedef struct publishing {
	ph_cli *cli;
	ph_client *client;
	const char *name; /* of the input, for errors */
	int fd;
	ph_buffer in;
	bool at_end;
	unsigned long line;
	slot *ring;
	uint64_t first, next; /* slots in use: [first, next) */
	uint64_t expected;    /* the slot the next answer is likely for */
	bool refused;	      /* one at least */
	int64_t patience_ms, heard_ms;
	char lost
	    [PH_ERROR_TEXT]; /* why there is no session now; "" while there is one */
	int code;	     /* not 0: stop */
} publishing;

/* --- answers, in order --- */

static void
print_slot(publishing *p, slot *s)
{
	json_t *line = json_pack(
	    "{s:s, s:s}", "id", s->id != NULL ? s->id : "", "status", s->status);
	if (s->acceptance > 0)
		json_object_set_new(
		    line, "acceptance", json_integer((json_int_t) s->acceptance));
	if (strcmp(s->status, "refused") == 0) {
		size_t length =
		    strncmp(s->text, "PH", 2) == 0 ? strcspn(s->text, " ") : 0;
		const char *text = s->text + length + (s->text[length] == ' ');
		json_object_set_new(line, "code", json_stringn(s->text, length));
		json_object_set_new(line, "text", json_string(text));
		p->refused = true;
	}
	ph_cli_json(p->cli, line);
	free(s->id);
	s->id = NULL;
}

static void
print_ready(publishing *p)
{
	bool printed = false;
	for (; p->first < p->next && p->ring[p->first % RING].done; p->first++) {
		print_slot(p, &p->ring[p->first % RING]);
		printed = true;
	}
	if (printed && fflush(p->cli->out) != 0)
		p->code = PH_EXIT_PROBLEM;
}

/* The slot of a ticket; NULL if there is none. Answers come nearly in order. */
static slot *
find_slot(publishing *p, uint64_t ticket)
{
	uint64_t from = p->expected > p->first ? p->expected : p->first;
	for (uint64_t i = 0; i < p->next - p->first; i++) {
		uint64_t at =
		    from + i < p->next ? from + i : from + i - p->next + p->first;
		if (p->ring[at % RING].ticket == ticket) {
			p->expected = at + 1;
			return &p->ring[at % RING];
		}
	}
	return NULL;
}

static void
take_result(publishing *p, const ph_event *event)
{
	slot *s = find_slot(p, ph_event_ticket(event));
	if (s == NULL || s->done)
		return;
	ph_result result = ph_event_result(event);
	s->done = true;
	s->acceptance = ph_event_acceptance(event);
	s->status = result == PH_ACCEPTED	    ? "accepted"
		    : result == PH_RESULT_DUPLICATE ? "duplicate"
						    : "refused";
	snprintf(s->text, sizeof s->text, "%s", ph_event_text(event));
}

/* --- the session --- */

static int64_t
now_ms(void)
{
	return ph_clock_mono(ph_clock_system());
}

/* Serve the session for at most timeout_ms. */
static void
pump(publishing *p, int timeout_ms)
{
	const ph_event *event = NULL;
	ph_error err;
	ph_status status = ph_client_next(p->client, timeout_ms, &event, &err);
	while (status == PH_OK) {
		if (ph_event_kind_of(event) == PH_EVENT_RESULT)
			take_result(p, event);
		if (ph_event_kind_of(event) == PH_EVENT_CONNECTED)
			p->lost[0] = '\0';
		if (ph_event_kind_of(event) != PH_EVENT_DISCONNECTED)
			p->heard_ms = now_ms();
		else
			snprintf(p->lost, sizeof p->lost, "%s", ph_event_text(event));
		status = ph_client_next(p->client, 0, &event, &err);
	}
	if (status != PH_ERR_TIMEOUT)
		p->code = ph_cli_fail(p->cli, &err);
	print_ready(p);
	if (ph_client_pending(p->client) == 0)
		p->heard_ms = now_ms();
	if (p->code == PH_EXIT_OK && now_ms() - p->heard_ms > p->patience_ms) {
		bool lost = p->lost[0] != '\0';
		(void) ph_fail(&err, PH_ERR_TIMEOUT,
		    "PH7011 the broker has acknowledged nothing for %lld s; %zu events "
		    "may or may not be accepted: publish them again, repeats are "
		    "recognised%s%.200s%s",
		    (long long) (p->patience_ms / 1000), ph_client_pending(p->client),
		    lost ? " (no session: " : " (the session is up)", p->lost,
		    lost ? ")" : "");
		p->code = ph_ask_unreachable(p->cli, &err);
	}
}

/* --- lines --- */

static void
refuse(slot *s, const ph_error *err)
{
	s->done = true;
	s->status = "refused";
	/* The code first, wherever the trouble was. */
	size_t length = strncmp(err->text, "PH", 2) == 0 ? strcspn(err->text, " ") : 0;
	const char *rest = err->text + length + (err->text[length] == ' ');
	snprintf(s->text, sizeof s->text, "%.*s%s%s%s%s", length > 0 ? (int) length : 6,
	    length > 0 ? err->text : "PH7020", " ", err->where,
	    err->where[0] != '\0' ? ": " : "", rest);
}

static void
hand_over(publishing *p, slot *s, ph_message *message)
{
	ph_error err;
	ph_status status = ph_client_publish(p->client, message, &s->ticket, &err);
	while (status == PH_ERR_FULL && p->code == PH_EXIT_OK) {
		pump(p, 100);
		status = ph_client_publish(p->client, message, &s->ticket, &err);
	}
	if (status != PH_OK)
		refuse(s, &err);
}

/* The line of the input says which event it is; inside one there is but the first. */
static void
leave_one_line(ph_error *err, const char *where)
{
	size_t length = strlen(where);
	char *inside = err->where + length;
	if (strncmp(err->where, where, length) == 0 && strncmp(inside, ":1:", 3) == 0)
		memmove(inside, inside + 2, strlen(inside + 2) + 1);
}

static void
publish_line(publishing *p, const char *line, size_t length)
{
	char where[PH_ERROR_WHERE];
	ph_message *message = NULL;
	ph_error err;
	p->line++;
	if (strspn(line, " \t\r") >= length)
		return;
	while (p->next - p->first >= RING && p->code == PH_EXIT_OK)
		pump(p, 100);
	if (p->code != PH_EXIT_OK)
		return;
	slot *s = &p->ring[p->next++ % RING];
	*s = (slot){.status = "refused"};
	snprintf(where, sizeof where, "%.200s:%lu", p->name, p->line);
	if (ph_cloudevent_decode(where, line, length, &message, &s->id, &err) ==
	    PH_OK) {
		hand_over(p, s, message);
	} else {
		leave_one_line(&err, where);
		refuse(s, &err);
	}
	ph_message_unref(&message);
}

/* Every whole line; at the end of the input what is left too. */
static void
publish_lines(publishing *p)
{
	size_t at = 0;
	while (at < p->in.length && p->code == PH_EXIT_OK) {
		uint8_t *start = p->in.data + at;
		uint8_t *end = memchr(start, '\n', p->in.length - at);
		if (end == NULL && !p->at_end)
			break;
		if (end == NULL)
			end =
			    p->in.data + p->in.length; /* there is room for one more */
		*end = '\0';
		publish_line(p, (const char *) start, (size_t) (end - start));
		at = (size_t) (end - p->in.data) + 1;
	}
	at = at < p->in.length ? at : p->in.length;
	if (at > 0) {
		memmove(p->in.data, p->in.data + at, p->in.length - at);
		p->in.length -= at;
	}
	if (p->in.length > LINE_MOST)
		p->code = ph_cli_usage(p->cli, "PH7022 line %lu of %s is over 4 MiB",
		    p->line + 1, p->name);
}

/* Wait for input, serving the session meanwhile. */
static void
wait_for_input(publishing *p)
{
	struct pollfd item = {.fd = p->fd, .events = POLLIN};
	while (p->code == PH_EXIT_OK && poll(&item, 1, 0) == 0)
		pump(p, ph_client_pending(p->client) > 0 ? 5 : 50);
}

static void
read_some(publishing *p)
{
	if (!ph_buffer_reserve(&p->in, READ_CHUNK + 1)) {
		p->code = PH_EXIT_PROBLEM;
		return;
	}
	ssize_t got = read(p->fd, p->in.data + p->in.length, READ_CHUNK);
	if (got < 0 && errno == EINTR)
		return;
	if (got < 0) {
		ph_error err;
		(void) ph_fail_errno(&err, errno, "PH7023 cannot read %s", p->name);
		p->code = ph_cli_fail(p->cli, &err);
		return;
	}
	p->at_end = got == 0;
	p->in.length += (size_t) got;
}

static void
publish_all(publishing *p)
{
	while (!p->at_end && p->code == PH_EXIT_OK) {
		wait_for_input(p);
		read_some(p);
		publish_lines(p);
	}
	while (p->first < p->next && p->code == PH_EXIT_OK)
		pump(p, ph_client_pending(p->client) > 0 ? 100 : 0);
}

int
ph_cli_publish(ph_cli *cli, const ph_args *args)
{
	const char *file = args->operands[0];
	bool standard = strcmp(file, "-") == 0;
	long long patience = PATIENCE_S;
	if (!ph_args_number(cli, args, "timeout", 1, 86400, &patience))
		return PH_EXIT_USAGE;
	publishing p = {
	    .cli = cli,
	    .name = standard ? "standard input" : file,
	    .patience_ms = patience * 1000,
	};
	p.fd = standard ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
	if (p.fd < 0) {
		ph_error err;
		(void) ph_fail_errno(&err, errno, "PH7023 cannot open %s", file);
		return ph_cli_fail(cli, &err);
	}
	p.code = ph_cli_session(cli, "packhorse-publish", &p.client);
	p.ring = calloc(RING, sizeof *p.ring);
	if (p.code == PH_EXIT_OK && p.ring == NULL)
		p.code = PH_EXIT_PROBLEM;
	ph_buffer_init(&p.in, 0);
	p.heard_ms = now_ms();
	if (p.code == PH_EXIT_OK)
		publish_all(&p);
	for (; p.first < p.next; p.first++)
		free(p.ring[p.first % RING].id);
	free(p.ring);
	ph_buffer_fini(&p.in);
	ph_client_destroy(&p.client);
	if (!standard)
		close(p.fd);
	return p.code == PH_EXIT_OK && p.refused ? PH_EXIT_PROBLEM : p.code;
}
