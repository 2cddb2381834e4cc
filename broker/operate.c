/*
 * How it works: a table from verbs to functions, and the ends of replies that wait for the flush. The
 * verbs are in operate_queue.c, operate_dead.c and operate_show.c; what most of them need is in
 * operate_part.c.
 */
#include "broker/operate_part.h"

#include <stdlib.h>
#include <string.h>

#include "broker/commit.h"
#include "lib/base/assert.h"

static const struct verb {
	const char *name;
	ph_operate_fn *fn;
} verbs[] = {
    {"status", ph_operate_status},
    {"queue.ls", ph_operate_queue_ls},
    {"queue.show", ph_operate_queue_show},
    {"queue.peek", ph_operate_queue_peek},
    {"dead.ls", ph_operate_dead_ls},
    {"dead.show", ph_operate_dead_show},
    {"dead.replay", ph_operate_dead_replay},
    {"dead.discard", ph_operate_dead_discard},
    {"message.show", ph_operate_message_show},
    {"adapter.ls", ph_operate_adapter_ls},
    {"route.ls", ph_operate_route_ls},
    {"route.explain", ph_operate_route_explain},
    {"xref.get", ph_operate_xref_get},
    {"session.open", ph_operate_session_open},
};

static const struct verb *
find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	}
	return NULL;
}

bool
ph_operate_knows(const char *verb)
{
	return find_verb(verb) != NULL;
}

void
ph_operate(struct ph_broker *broker, const char *verb, const ph_operate_args *args,
    const ph_reply *reply)
{
	PH_ASSERT(broker->magic == PH_BROKER_MAGIC);
	const struct verb *found = find_verb(verb);
	ph_error err = {.status = PH_OK};
	bool later = false;
	ph_status status = found == NULL ? ph_fail(&err, PH_ERR_NOT_FOUND,
					       "PH7101 there is no verb %s", verb)
					 : PH_OK;
	/* What is counted and shown is durable. */
	if (status == PH_OK && ph_broker_flush(broker) != PH_OK)
		status = ph_fail(&err, PH_ERR_IO, "the store has failed");
	if (status == PH_OK)
		status = found->fn(broker, args, reply, &later, &err);
	if (!later)
		reply->end(reply->self, status == PH_OK ? NULL : &err);
}

/* ---- replies that wait ---- */

static void
end_all(ph_broker *broker, const ph_error *err)
{
	ph_operation *at = broker->operations;
	broker->operations = broker->operations_last = NULL;
	while (at != NULL) {
		ph_operation *next = at->next;
		at->reply.end(at->reply.self, err);
		free(at);
		at = next;
	}
}

void
ph_operate_flushed(ph_broker *broker)
{
	end_all(broker, NULL);
}

void
ph_operate_end(ph_broker *broker)
{
	ph_error err = {.status = PH_OK};
	(void) ph_fail(&err, PH_ERR_CLOSED, "PH7102 the broker stops");
	end_all(broker, &err);
}
