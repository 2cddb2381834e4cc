/*
 * postgresql - a table as a queue: the publisher inserts --batch rows per transaction, pipelined, and
 * notifies; the consumer deletes the oldest free rows of a batch (SKIP LOCKED), works, and commits,
 * so that a crash before the commit gives the messages back. One round trip per batch: the commit
 * and the next begin and delete go together.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/peers/peer.h"

#define BATCH_MAX 1000
#define TEXT_MAX  (64 + BATCH_MAX * 8)

typedef struct client {
	PGconn *connection;
	uint64_t batch;
	size_t size, waiting;	/* rows that are not sent yet */
	char *rows;		/* their payloads */
	uint64_t acknowledged;	/* messages, in all */
	uint64_t *transactions; /* messages in all after each one that was sent */
	size_t sent, committed; /* transactions */
	bool begun;		/* consumer: a delete is asked for */
} client;

static void
check(bool ok, PGconn *connection)
{
	if (!ok)
		bench_die(PQerrorMessage(connection));
}

static void
run(PGconn *connection, const char *text)
{
	PGresult *result = PQexec(connection, text);
	ExecStatusType status = PQresultStatus(result);
	check(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK, connection);
	PQclear(result);
}

static void
define(PGconn *connection, const char *name, const char *text)
{
	PGresult *result = PQprepare(connection, name, text, 0, NULL);
	check(PQresultStatus(result) == PGRES_COMMAND_OK, connection);
	PQclear(result);
}

static PGconn *
connect_to(const peer_options *how)
{
	char where[4200];
	(void) snprintf(where, sizeof where,
	    "host=%s port=%d user=postgres dbname=postgres", how->host, how->port);
	PGconn *connection = PQconnectdb(where);
	check(PQstatus(connection) == CONNECTION_OK, connection);
	run(connection, "SET client_min_messages = warning");
	return connection;
}

static void
prepare(const peer_options *how)
{
	char text[512];
	PGconn *connection = connect_to(how);
	(void) snprintf(text, sizeof text,
	    "DROP TABLE IF EXISTS %s; CREATE TABLE %s (id bigserial PRIMARY KEY, "
	    "body bytea NOT NULL); ALTER TABLE %s ALTER body SET STORAGE EXTERNAL",
	    how->queue, how->queue, how->queue);
	run(connection, text);
	PQfinish(connection);
}

/* "INSERT INTO queue (body) VALUES ($1),($2)..." */
static void
define_insert(client *c, const char *queue, const char *name, uint64_t rows)
{
	char text[TEXT_MAX];
	size_t length = (size_t) snprintf(
	    text, sizeof text, "INSERT INTO %.40s (body) VALUES ", queue);
	for (uint64_t i = 1; i <= rows; i++)
		length += (size_t) snprintf(text + length, sizeof text - length,
		    "%s($%llu)", i == 1 ? "" : ",", (unsigned long long) i);
	define(c->connection, name, text);
}

static void
ask(client *c)
{
	check(
	    PQsendQueryPrepared(c->connection, "begin", 0, NULL, NULL, NULL, 1) == 1 &&
		PQsendQueryPrepared(c->connection, "take", 0, NULL, NULL, NULL, 1) == 1,
	    c->connection);
	c->begun = true;
}

static void
begin_consumer(client *c, const peer_options *how)
{
	char text[512];
	(void) snprintf(text, sizeof text, "LISTEN %s", how->queue);
	run(c->connection, text);
	run(c->connection, "SET enable_seqscan = off");
	(void) snprintf(text, sizeof text,
	    "DELETE FROM %s WHERE id = ANY(ARRAY(SELECT id FROM %s ORDER BY id "
	    "FOR UPDATE SKIP LOCKED LIMIT %llu)) RETURNING body",
	    how->queue, how->queue, (unsigned long long) how->batch);
	define(c->connection, "take", text);
	define(c->connection, "begin", "BEGIN");
	define(c->connection, "commit", "COMMIT");
}

static void
begin_publisher(client *c, const peer_options *how)
{
	char text[128];
	(void) snprintf(text, sizeof text, "SELECT pg_notify('%.40s', '')", how->queue);
	define(c->connection, "notify", text);
	define_insert(c, how->queue, "insert", c->batch);
	define_insert(c, how->queue, "insert-one", 1);
	c->rows = malloc(c->batch * c->size);
	c->transactions = calloc(how->messages, sizeof *c->transactions);
	bench_must(c->rows != NULL && c->transactions != NULL, "no memory");
}

static void *
open_client(const peer_options *how, bool consumer)
{
	client *c = calloc(1, sizeof *c);
	bench_must(c != NULL && how->batch <= BATCH_MAX, "no memory, or a large batch");
	c->connection = connect_to(how);
	c->batch = how->batch;
	c->size = how->size;
	if (consumer)
		begin_consumer(c, how);
	else
		begin_publisher(c, how);
	check(PQsetnonblocking(c->connection, 1) == 0 &&
		  PQenterPipelineMode(c->connection) == 1,
	    c->connection);
	return c;
}

static void
send_rows(client *c, const char *statement, const char *rows, size_t count)
{
	int binary[BATCH_MAX];
	const char *values[BATCH_MAX];
	int lengths[BATCH_MAX];
	for (size_t i = 0; i < count; i++) {
		values[i] = rows + i * c->size;
		lengths[i] = (int) c->size;
		binary[i] = 1;
	}
	check(PQsendQueryPrepared(c->connection, statement, (int) count, values,
		  lengths, binary, 1) == 1,
	    c->connection);
}

static void
publish(void *peer_p, const void *payload, bool last)
{
	client *c = peer_p;
	memcpy(c->rows + c->waiting * c->size, payload, c->size);
	c->waiting++;
	if (!last)
		return;
	if (c->waiting == c->batch)
		send_rows(c, "insert", c->rows, c->waiting);
	else
		for (size_t i = 0; i < c->waiting; i++)
			send_rows(c, "insert-one", c->rows + i * c->size, 1);
	check(
	    PQsendQueryPrepared(c->connection, "notify", 0, NULL, NULL, NULL, 1) == 1 &&
		PQpipelineSync(c->connection) == 1,
	    c->connection);
	uint64_t before = c->sent == 0 ? 0 : c->transactions[c->sent - 1];
	c->transactions[c->sent++] = before + c->waiting;
	c->waiting = 0;
	check(PQflush(c->connection) >= 0, c->connection);
}

/* Results that are there: the end of each transaction counts. */
static void
take_results(client *c)
{
	while (c->committed < c->sent && !PQisBusy(c->connection)) {
		PGresult *result = PQgetResult(c->connection);
		if (result == NULL)
			continue;
		ExecStatusType status = PQresultStatus(result);
		PQclear(result);
		check(status == PGRES_PIPELINE_SYNC || status == PGRES_COMMAND_OK ||
			  status == PGRES_TUPLES_OK,
		    c->connection);
		if (status == PGRES_PIPELINE_SYNC)
			c->acknowledged = c->transactions[c->committed++];
	}
}

static uint64_t
acknowledged(void *peer_p, double seconds)
{
	client *c = peer_p;
	double until = bench_now() + seconds;
	uint64_t before = c->acknowledged;
	do {
		int unsent = PQflush(c->connection);
		check(unsent >= 0, c->connection);
		double wait = until - bench_now();
		if (unsent > 0 && wait > 0.001)
			wait = 0.001; /* it may also have to be written */
		if (bench_readable(PQsocket(c->connection), wait))
			check(PQconsumeInput(c->connection) == 1, c->connection);
		take_results(c);
	} while (c->acknowledged == before && bench_now() < until);
	return c->acknowledged;
}

/* Everything up to the end of the pipeline; deliveries are handed over. */
static uint64_t
take_rows(client *c, peer_sink *sink)
{
	uint64_t rows = 0;
	for (;;) {
		PGresult *result = PQgetResult(c->connection);
		if (result == NULL)
			continue;
		ExecStatusType status = PQresultStatus(result);
		check(status == PGRES_PIPELINE_SYNC || status == PGRES_COMMAND_OK ||
			  status == PGRES_TUPLES_OK,
		    c->connection);
		for (int i = 0; i < PQntuples(result); i++, rows++)
			peer_delivered(sink, PQgetvalue(result, i, 0));
		PQclear(result);
		if (status == PGRES_PIPELINE_SYNC)
			return rows;
	}
}

static void
send_pipeline(client *c)
{
	int unsent = 1;
	check(PQpipelineSync(c->connection) == 1, c->connection);
	while (unsent == 1)
		unsent = PQflush(c->connection);
	check(unsent == 0, c->connection);
}

static void
commit(client *c)
{
	check(PQsendQueryPrepared(c->connection, "commit", 0, NULL, NULL, NULL, 1) == 1,
	    c->connection);
	c->begun = false;
}

static void
wait_for_notice(client *c)
{
	PGnotify *notice;
	bool any = false;
	for (int turn = 0; turn < 2 && !any; turn++) {
		check(PQconsumeInput(c->connection) == 1, c->connection);
		while ((notice = PQnotifies(c->connection)) != NULL) {
			PQfreemem(notice);
			any = true;
		}
		if (!any && turn == 0)
			(void) bench_readable(PQsocket(c->connection), 60);
	}
}

static void
deliver(void *peer_p, peer_sink *sink, uint64_t left)
{
	client *c = peer_p;
	uint64_t rows = 0;
	while (rows == 0) {
		if (!c->begun)
			ask(c);
		send_pipeline(c);
		rows = take_rows(c, sink);
		commit(c);
		if (rows > 0)
			break;
		send_pipeline(c);
		(void) take_rows(c, sink);
		wait_for_notice(c);
	}
	if (rows < left) {
		ask(c); /* goes with the commit, in the next call */
		return;
	}
	send_pipeline(c);
	(void) take_rows(c, sink);
}

static void
close_client(void *peer_p)
{
	client *c = peer_p;
	PQfinish(c->connection);
	free(c->rows);
	free(c->transactions);
	free(c);
}

const peer_ops peer = {
    prepare, open_client, publish, acknowledged, deliver, close_client};
