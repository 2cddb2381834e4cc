/*
 * Answers. Rows live on the job's arena, so they travel to the loop without a further copy and are
 * freed with the job. Look-ups on the data path (RESOLVE) use statements that stay prepared; what
 * people ask is prepared when it is asked.
 */
#include "broker/ledger_part.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <packhorse/client.h>

#include "lib/base/assert.h"

#define MOST_DEFAULT 1000
#define MOST_LIMIT   10000	 /* rows of one answer */
#define ANSWER_BYTES (16u << 20) /* one question and its answer's rows */
#define LOOKUPS_MOST 100000	 /* look-ups in one question */
#define SUBJECTS     20		 /* canonical ids that one reference may mean */

/* A question being answered. */
typedef struct asking {
	ph_ledger_file *file;
	ph_ledger_job *job;
	size_t capacity; /* rows there is room for */
	size_t most;
	ph_error *err;
	ph_status status; /* the first trouble */
} asking;

/* The canonical ids that ?1 may mean: itself, or what a vendor's reference is bound to. */
#define SUBJECTS_OF                                                                    \
	"select canonical from xref where key = ?1"                                    \
	" union select canonical from xref where tail = ?1"                            \
	" union select ?1 where exists(select 1 from message where subject = ?1)"      \
	" or exists(select 1 from xref where canonical = ?1)"

#define MESSAGE_COLUMNS                                                                \
	"select m.acceptance, m.position, m.sequence, m.accepted_ms, m.id, s.text,"    \
	" t.text, m.subject from message m join word s on s.number = m.source"         \
	" join word t on t.number = m.type"

static const char sql_case[] =
    "select m.sequence as seq, 3, m.accepted_ms, s.text, t.text, 0, 0, -1, '',"
    " coalesce(json_extract(m.attributes, '$.status'), ''), m.acceptance"
    " from message m join word s on s.number = m.source"
    " join word t on t.number = m.type where m.subject = ?1 and not exists"
    " (select 1 from event e where e.acceptance = m.acceptance and"
    " e.sequence = m.sequence)" /* what came in as a dead letter tells its own story */
    " union all select e.sequence, e.kind, e.at_ms, coalesce(q.name, ''), '', "
    "e.outcome,"
    " e.state, e.took_ms, e.reference, e.detail, e.acceptance"
    " from message m join event e on e.acceptance = m.acceptance"
    " left join queue q on q.number = e.queue where m.subject = ?1 order by 1, 2 limit "
    "?2";
static const char sql_system_reference[] =
    "select key from xref where canonical = ?1 and system = ?2"
    " order by sequence desc limit 1";
static const char sql_xrefs[] = "select entity, system, key, canonical, at_ms from xref"
				" where canonical in (" SUBJECTS_OF
				") order by canonical, sequence, entity, system,"
				" key limit ?2";
static const char sql_subject[] =
    MESSAGE_COLUMNS " where m.subject = ?1 order by m.acceptance limit ?2";
static const char sql_type[] = MESSAGE_COLUMNS
    " where m.type = (select number from word where text = ?1)"
    " and m.accepted_ms >= ?3 and m.accepted_ms < ?4 and m.subject is not"
    " null order by m.accepted_ms, m.acceptance limit ?2";
static const char sql_one[] = MESSAGE_COLUMNS " where m.acceptance = ?1";
static const char sql_place[] =
    "select acceptance, position, sequence, 0, '', '', '', '' from place"
    " where acceptance <= ?1 order by acceptance desc limit 1";
#define DEAD_COLUMNS                                                                   \
	"select q.name, d.acceptance, m.position, m.accepted_ms, d.at_ms, d.attempts," \
	" m.id, s.text, t.text, m.subject, d.stage, d.reason, d.path, d.text, d.state" \
	" from dead d join queue q on q.number = d.queue"                              \
	" left join message m on m.acceptance = d.acceptance"                          \
	" left join word s on s.number = m.source left join word t on t.number = "     \
	"m.type"
static const char sql_dead[] =
    DEAD_COLUMNS " where d.state = 0 and (?1 is null or q.name = ?1)"
		 " order by d.at_ms, d.acceptance, d.queue limit ?2";
static const char sql_dead_one[] =
    DEAD_COLUMNS " where q.name = ?1 and d.acceptance = ?2";

/* --- questions --- */

static const char *
copy(ph_arena *arena, const char *text)
{
	return text == NULL ? NULL : ph_arena_strdup(arena, text);
}

static void
copy_lookups(ph_arena *arena, ph_ledger_ask *ask)
{
	if (ask->count == 0)
		return;
	ph_ledger_lookup *lookups = ph_arena_alloc(arena, ask->count * sizeof *lookups);
	for (size_t i = 0; lookups != NULL && i < ask->count; i++)
		lookups[i] = (ph_ledger_lookup){
		    .kind = ask->lookups[i].kind,
		    .entity = copy(arena, ask->lookups[i].entity),
		    .system = copy(arena, ask->lookups[i].system),
		    .key = copy(arena, ask->lookups[i].key),
		};
	ask->lookups = lookups;
}

static void
copy_ask(ph_arena *arena, const ph_ledger_ask *from, ph_ledger_ask *to)
{
	*to = *from;
	to->key = copy(arena, from->key);
	copy_lookups(arena, to);
	to->find = (ph_ledger_find){
	    .id = copy(arena, from->find.id),
	    .source = copy(arena, from->find.source),
	    .type = copy(arena, from->find.type),
	    .subject = copy(arena, from->find.subject),
	    .reference = copy(arena, from->find.reference),
	    .attribute = copy(arena, from->find.attribute),
	    .value = copy(arena, from->find.value),
	};
}

ph_status
ph_ledger_job_new(const ph_ledger_ask *ask, ph_ledger_fn *fn, void *self,
    ph_ledger_job **out, ph_error *err)
{
	PH_ASSERT(ask->count <= LOOKUPS_MOST);
	ph_arena *arena = NULL;
	ph_status status = ph_arena_new(ANSWER_BYTES, &arena, err);
	if (status != PH_OK)
		return status;
	ph_ledger_job *job = ph_arena_zalloc(arena, sizeof *job);
	if (job != NULL) {
		job->arena = arena;
		job->fn = fn;
		job->self = self;
		copy_ask(arena, ask, &job->ask);
	}
	if (job == NULL || ph_arena_failed(arena)) {
		ph_arena_destroy(&arena);
		return ph_fail(err, PH_ERR_NOMEM, "no memory for a question");
	}
	*out = job;
	return PH_OK;
}

void
ph_ledger_job_free(ph_ledger_job *job)
{
	ph_arena *arena = job->arena; /* the job lives on it */
	ph_arena_destroy(&arena);
}

/* --- small helpers --- */

static void
trouble(asking *a, int code, const char *what)
{
	if (a->status == PH_OK)
		a->status = ph_ledger_sql_fail(a->file, code, what, a->err);
}

static sqlite3_stmt *
prepare(asking *a, const char *text)
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(a->file->db, text, -1, &statement, NULL);
	if (code != SQLITE_OK)
		trouble(a, code, "cannot ask");
	return statement;
}

/* The next row? False at the end and in trouble. */
static bool
step(asking *a, sqlite3_stmt *statement)
{
	if (statement == NULL || a->status != PH_OK)
		return false;
	int code = sqlite3_step(statement);
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		trouble(a, code, "cannot read");
	return code == SQLITE_ROW;
}

static void
bind_text(sqlite3_stmt *statement, int at, const char *text)
{
	if (statement != NULL)
		sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
}

static void
bind_number(sqlite3_stmt *statement, int at, int64_t number)
{
	if (statement != NULL)
		sqlite3_bind_int64(statement, at, number);
}

static const char *
text_of(asking *a, sqlite3_stmt *statement, int column)
{
	const unsigned char *text = sqlite3_column_text(statement, column);
	if (text == NULL)
		return "";
	return ph_arena_dup(
	    a->job->arena, text, (size_t) sqlite3_column_bytes(statement, column));
}

/* Room for one more row of `size` bytes; NULL once there are as many as asked for. The answer's
 * rows pointer is kept in `*rows`. */
static void *
next_row(asking *a, void **rows, size_t size)
{
	ph_ledger_answer *answer = &a->job->answer;
	if (answer->count >= a->most) {
		answer->more = true;
		return NULL;
	}
	if (answer->count == a->capacity) {
		size_t capacity = a->capacity == 0 ? 16 : a->capacity * 2;
		void *grown = ph_arena_alloc(a->job->arena, capacity * size);
		if (grown == NULL)
			return NULL;
		if (answer->count > 0)
			memcpy(grown, *rows, answer->count * size);
		*rows = grown;
		a->capacity = capacity;
	}
	return (char *) *rows + answer->count++ * size;
}

/* --- resolve --- */

static bool
find_one(asking *a, const ph_ledger_lookup *lookup, ph_ledger_found *out)
{
	ph_sql which = lookup->kind == PH_LOOKUP_CANONICAL ? PH_SQL_XREF_GET
		       : lookup->kind == PH_LOOKUP_KEY	   ? PH_SQL_XREF_KEY
							   : PH_SQL_XREF_EXISTS;
	sqlite3_stmt *statement = a->file->statements[which];
	if (which == PH_SQL_XREF_EXISTS) {
		bind_text(statement, 1, lookup->key);
	} else {
		bind_text(statement, 1, lookup->entity);
		bind_text(statement, 2, lookup->system);
		bind_text(statement, 3, lookup->key);
	}
	bool row = step(a, statement);
	out->known = row;
	out->value = "";
	if (row && which == PH_SQL_XREF_EXISTS) {
		out->known = sqlite3_column_int(statement, 0) != 0;
		out->value = out->known ? lookup->key : "";
	} else if (row) {
		out->value = text_of(a, statement, 0);
	}
	sqlite3_reset(statement);
	return a->status == PH_OK;
}

static void
resolve(asking *a)
{
	const ph_ledger_ask *ask = &a->job->ask;
	ph_ledger_found *found =
	    ph_arena_zalloc(a->job->arena, (ask->count + 1) * sizeof *found);
	if (found == NULL)
		return;
	for (size_t i = 0; i < ask->count; i++)
		if (!find_one(a, &ask->lookups[i], &found[i]))
			return;
	a->job->answer.rows.found = found;
	a->job->answer.count = ask->count;
}

/* --- cases --- */

/* "open311" of "urn:council:calderdale:open311" and of "/demo/open311". */
static const char *
system_of(const char *source)
{
	const char *colon = strrchr(source, ':');
	const char *slash = strrchr(source, '/');
	const char *last =
	    colon == NULL || (slash != NULL && slash > colon) ? slash : colon;
	return last != NULL && last[1] != '\0' ? last + 1 : source;
}

static const char *
event_word(int kind, const char *type)
{
	switch (kind) {
	case PH_RECORD_ACCEPT:
		return type[0] != '\0' ? type : "receive";
	case PH_RECORD_OUTCOME:
		return "deliver";
	case PH_RECORD_PROGRESS:
		return "progress";
	case PH_RECORD_REPLAY:
		return "replay";
	case PH_RECORD_DISCARD:
		return "discard";
	default:
		return "";
	}
}

static const char *
outcome_word(int kind, int outcome, int state)
{
	if (kind == PH_RECORD_ACCEPT)
		return state == PH_RECORD_DEAD ? "dead" : "accepted";
	if (kind == PH_RECORD_REPLAY)
		return "ready";
	if (kind == PH_RECORD_DISCARD)
		return "discarded";
	if (kind != PH_RECORD_OUTCOME)
		return "";
	if (state == PH_RECORD_DEAD)
		return "dead";
	switch (outcome) {
	case PH_DELIVERED:
		return "delivered";
	case PH_DUPLICATE:
		return "duplicate";
	case PH_RETRY:
		return "retry";
	case PH_REJECTED:
		return "rejected";
	case PH_UNKNOWN:
		return "unknown";
	default:
		return "";
	}
}

/* What a system calls the thing. */
static const char *
system_reference(
    asking *a, sqlite3_stmt *statement, const char *subject, const char *system)
{
	bind_text(statement, 1, subject);
	bind_text(statement, 2, system);
	const char *key = step(a, statement) ? text_of(a, statement, 0) : "";
	if (statement != NULL)
		sqlite3_reset(statement);
	return key;
}

static bool
case_event(asking *a, sqlite3_stmt *row, sqlite3_stmt *reference, const char *subject,
    void **events)
{
	ph_ledger_event *event = next_row(a, events, sizeof *event);
	if (event == NULL)
		return false;
	int kind = sqlite3_column_int(row, 1);
	const char *type = text_of(a, row, 4);
	const char *name = text_of(a, row, 3);
	bool accept = type != NULL && type[0] != '\0';
	if (name == NULL || type == NULL) /* the arena is full, or no memory */
		return false;
	*event = (ph_ledger_event){
	    .at_ms = sqlite3_column_int64(row, 2),
	    .system = accept ? system_of(name) : name,
	    .event = event_word(kind, type),
	    .reference = text_of(a, row, 8),
	    .outcome = outcome_word(
		kind, sqlite3_column_int(row, 5), sqlite3_column_int(row, 6)),
	    .detail = text_of(a, row, 9),
	    .took_ms = sqlite3_column_int64(row, 7),
	    .acceptance = (uint64_t) sqlite3_column_int64(row, 10),
	    .subject = subject,
	};
	if (accept)
		event->reference =
		    system_reference(a, reference, subject, event->system);
	return true;
}

static void
case_events(asking *a, const char *subject, void **events)
{
	sqlite3_stmt *rows = prepare(a, sql_case);
	sqlite3_stmt *reference = prepare(a, sql_system_reference);
	bind_text(rows, 1, subject);
	bind_number(rows, 2, (int64_t) a->most + 1);
	while (step(a, rows))
		if (!case_event(a, rows, reference, subject, events))
			break;
	sqlite3_finalize(reference);
	sqlite3_finalize(rows);
}

static void
tell_case(asking *a)
{
	const char *subjects[SUBJECTS];
	size_t count = 0;
	sqlite3_stmt *statement = prepare(a, SUBJECTS_OF);
	bind_text(statement, 1, a->job->ask.key);
	while (count < SUBJECTS && step(a, statement)) {
		subjects[count] = text_of(a, statement, 0);
		count += subjects[count] != NULL;
	}
	sqlite3_finalize(statement);
	void *events = NULL;
	for (size_t i = 0; i < count; i++)
		case_events(a, subjects[i], &events);
	a->job->answer.rows.events = events;
}

/* --- the rest --- */

static void
tell_xrefs(asking *a)
{
	void *rows = NULL;
	ph_ledger_binding *row;
	sqlite3_stmt *statement = prepare(a, sql_xrefs);
	bind_text(statement, 1, a->job->ask.key);
	bind_number(statement, 2, (int64_t) a->most + 1);
	while (step(a, statement) && (row = next_row(a, &rows, sizeof *row)) != NULL) {
		row->entity = text_of(a, statement, 0);
		row->system = text_of(a, statement, 1);
		row->key = text_of(a, statement, 2);
		row->canonical = text_of(a, statement, 3);
		row->at_ms = sqlite3_column_int64(statement, 4);
	}
	sqlite3_finalize(statement);
	a->job->answer.rows.bindings = rows;
}

static void
read_messages(asking *a, sqlite3_stmt *statement)
{
	void *rows = NULL;
	ph_ledger_message *row;
	while (step(a, statement) && (row = next_row(a, &rows, sizeof *row)) != NULL) {
		row->acceptance = (uint64_t) sqlite3_column_int64(statement, 0);
		row->position = (ph_position){
		    .offset = (uint64_t) sqlite3_column_int64(statement, 1)};
		row->sequence = (uint64_t) sqlite3_column_int64(statement, 2);
		row->accepted_ms = sqlite3_column_int64(statement, 3);
		row->id = text_of(a, statement, 4);
		row->source = text_of(a, statement, 5);
		row->type = text_of(a, statement, 6);
		row->subject = text_of(a, statement, 7);
	}
	a->job->answer.rows.messages = rows;
}

static void
tell_messages(asking *a, const char *text)
{
	const ph_ledger_ask *ask = &a->job->ask;
	sqlite3_stmt *statement = prepare(a, text);
	bind_text(statement, 1, ask->key);
	bind_number(statement, 2, (int64_t) a->most + 1);
	if (ask->kind == PH_LEDGER_TYPE) {
		bind_number(statement, 3, ask->from_ms);
		bind_number(statement, 4, ask->to_ms > 0 ? ask->to_ms : INT64_MAX);
	}
	read_messages(a, statement);
	sqlite3_finalize(statement);
}

static void
tell_message(asking *a)
{
	const char *const texts[] = {sql_one, sql_place};
	for (size_t i = 0; i < 2 && a->job->answer.count == 0; i++) {
		sqlite3_stmt *statement = prepare(a, texts[i]);
		bind_number(statement, 1, (int64_t) a->job->ask.acceptance);
		read_messages(a, statement);
		sqlite3_finalize(statement);
	}
	if (a->status != PH_OK || a->job->answer.count > 0)
		return;
	static const ph_ledger_message beginning = {
	    .id = "", .source = "", .type = "", .subject = ""};
	a->job->answer.rows.messages = &beginning;
	a->job->answer.count = 1;
}

/* One condition of a search: its text, and what is asked for. */
typedef struct condition {
	const char *value;
	const char *text;
} condition;

static void
tell_found(asking *a)
{
	const ph_ledger_find *find = &a->job->ask.find;
	const condition conditions[] = {
	    {find->id, " and m.id = ?"},
	    {find->source, " and s.text = ?"},
	    {find->type, " and m.type = (select number from word where text = ?)"},
	    {find->subject, " and m.subject = ?"},
	    {find->reference,
		" and m.subject in (select canonical from xref where key = ? union"
		" select canonical from xref where tail = ?)"},
	    {find->attribute, " and json_extract(m.attributes, '$.' || ?) = ?"},
	};
	ph_buffer text;
	ph_buffer_init(&text, 0);
	ph_buffer_text(&text, MESSAGE_COLUMNS " where true");
	for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++)
		if (conditions[i].value != NULL)
			ph_buffer_text(&text, conditions[i].text);
	ph_buffer_text(&text, " order by m.acceptance desc limit ?");
	const char *asked = ph_buffer_cstr(&text);
	sqlite3_stmt *statement = asked != NULL ? prepare(a, asked) : NULL;
	int at = 0;
	for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++) {
		if (conditions[i].value == NULL)
			continue;
		bind_text(statement, ++at, conditions[i].value);
		if (conditions[i].value == find->reference)
			bind_text(statement, ++at, find->reference);
		if (conditions[i].value == find->attribute)
			bind_text(statement, ++at, find->value);
	}
	bind_number(statement, at + 1, (int64_t) a->most + 1);
	read_messages(a, statement);
	sqlite3_finalize(statement);
	ph_buffer_fini(&text);
}

static void
tell_dead(asking *a, const char *text)
{
	static const char *const states[] = {"open", "replayed", "discarded"};
	const ph_ledger_ask *ask = &a->job->ask;
	void *rows = NULL;
	ph_ledger_dead *row;
	sqlite3_stmt *statement = prepare(a, text);
	bind_text(statement, 1, ask->key);
	bind_number(statement, 2,
	    ask->kind == PH_LEDGER_DEAD ? (int64_t) a->most + 1
					: (int64_t) ask->acceptance);
	while (step(a, statement) && (row = next_row(a, &rows, sizeof *row)) != NULL) {
		row->queue = text_of(a, statement, 0);
		row->acceptance = (uint64_t) sqlite3_column_int64(statement, 1);
		row->position = (ph_position){
		    .offset = (uint64_t) sqlite3_column_int64(statement, 2)};
		row->accepted_ms = sqlite3_column_int64(statement, 3);
		row->at_ms = sqlite3_column_int64(statement, 4);
		row->attempts = (uint32_t) sqlite3_column_int64(statement, 5);
		row->id = text_of(a, statement, 6);
		row->source = text_of(a, statement, 7);
		row->type = text_of(a, statement, 8);
		row->subject = text_of(a, statement, 9);
		row->stage = text_of(a, statement, 10);
		row->reason = text_of(a, statement, 11);
		row->path = text_of(a, statement, 12);
		row->text = text_of(a, statement, 13);
		unsigned state = (unsigned) sqlite3_column_int(statement, 14);
		row->state = state < 3 ? states[state] : "";
	}
	sqlite3_finalize(statement);
	a->job->answer.rows.dead = rows;
}

static void
make_copy(asking *a)
{
	char directory[sizeof a->file->path];
	ph_ledger_copied *copied = ph_arena_alloc(a->job->arena, sizeof *copied);
	if (copied == NULL)
		return; /* the arena has failed, and is asked */
	(void) snprintf(directory, sizeof directory, "%s", a->file->path);
	char *slash = strrchr(directory, '/');
	PH_ASSERT(slash != NULL);
	*slash = 0;
	a->status = ph_ledger_copy(directory, a->job->ask.key, copied, a->err);
	/* What is wrong with the copy does not condemn the file: its own checks do. */
	if (a->status == PH_ERR_DAMAGED)
		a->status = PH_ERR_IO;
	a->job->answer.rows.copied = copied;
	a->job->answer.count = 1;
}

static void
answer(asking *a)
{
	switch (a->job->ask.kind) {
	case PH_LEDGER_RESOLVE:
		resolve(a);
		return;
	case PH_LEDGER_CASE:
		tell_case(a);
		return;
	case PH_LEDGER_XREFS:
		tell_xrefs(a);
		return;
	case PH_LEDGER_SUBJECT:
		tell_messages(a, sql_subject);
		return;
	case PH_LEDGER_TYPE:
		tell_messages(a, sql_type);
		return;
	case PH_LEDGER_MESSAGE:
		tell_message(a);
		return;
	case PH_LEDGER_FIND:
		tell_found(a);
		return;
	case PH_LEDGER_DEAD:
		tell_dead(a, sql_dead);
		return;
	case PH_LEDGER_COPY:
		make_copy(a);
		return;
	case PH_LEDGER_DEAD_ONE:
		tell_dead(a, sql_dead_one);
		return;
	}
	PH_UNREACHABLE("kinds are checked when they are asked");
}

ph_status
ph_ledger_answer_job(ph_ledger_file *file, ph_ledger_job *job, ph_error *err)
{
	ph_ledger_answer *out = &job->answer;
	uint32_t most = job->ask.most == 0 ? MOST_DEFAULT : job->ask.most;
	asking a = {
	    .file = file,
	    .job = job,
	    .most = most < MOST_LIMIT ? most : MOST_LIMIT,
	    .err = &out->error,
	};
	*out = (ph_ledger_answer){.kind = job->ask.kind};
	answer(&a);
	if (a.status == PH_OK && ph_arena_failed(job->arena))
		a.status = ph_fail(&out->error, PH_ERR_TOO_LARGE,
		    "the answer is too large; ask for fewer rows");
	out->status = a.status;
	if (a.status != PH_OK) {
		out->count = 0;
		out->more = false;
	}
	if (a.status == PH_ERR_DAMAGED && err != NULL)
		*err = out->error;
	return a.status == PH_ERR_DAMAGED ? PH_ERR_DAMAGED : PH_OK;
}
