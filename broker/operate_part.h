/*
 * operate_part - what the files of operate share, and its hooks for the broker.
 *
 * Thread: owner.
 */
#ifndef PH_BROKER_OPERATE_PART_H
#define PH_BROKER_OPERATE_PART_H

#include "broker/broker.h"
#include "broker/operate.h"
#include "broker/row.h"

/* A verb at work. */
typedef struct ph_operation ph_operation;
struct ph_operation {
	ph_question question; /* first */
	ph_operation *next;   /* in the list of those that wait for the flush */
	ph_broker *broker;
	ph_reply reply;
	ph_error err; /* status PH_OK: none */
	/* Of message.show, which may ask the ledger. */
	uint64_t acceptance;
	bool reveal;
};

/* A verb: writes its rows; what it returns goes to `end` at once, unless it set *later: then the
 * reply ends after the flush, or by itself. */
typedef ph_status ph_operate_fn(ph_broker *broker, const ph_operate_args *args,
    const ph_reply *reply, bool *later, ph_error *err);

ph_operate_fn ph_operate_status, ph_operate_queue_ls, ph_operate_queue_show,
    ph_operate_queue_peek;
ph_operate_fn ph_operate_dead_ls, ph_operate_dead_show, ph_operate_dead_replay,
    ph_operate_dead_discard;
ph_operate_fn ph_operate_message_show, ph_operate_adapter_ls, ph_operate_route_ls,
    ph_operate_route_explain, ph_operate_xref_get, ph_operate_session_open;

/* Close the row and hand it on. */
void ph_operate_row(const ph_reply *reply, ph_buffer *row);
/* Members that describe a message; revealed: the message too. */
void ph_operate_describe(ph_buffer *row, const ph_message *message, bool reveal);
/* A queue by the name in args; PH_ERR_NOT_FOUND. */
ph_status ph_operate_queue(ph_broker *broker, const ph_operate_args *args,
    ph_destination **out, ph_error *err);
/* "<queue>/<acceptance>" or a delivery number. */
ph_status ph_operate_letter(ph_broker *broker, const char *id, ph_destination **to,
    ph_item **item, ph_error *err);
/* "<queue>/<acceptance>" of an item. */
#define PH_LETTER_ID 80
void ph_operate_id(
    const ph_destination *to, uint64_t acceptance, char out[PH_LETTER_ID]);
/* End this reply after the next flush. */
ph_status ph_operate_after_flush(
    ph_broker *broker, const ph_reply *reply, ph_error *err);

/* Hooks of the broker: after a flush; and at the end, when nothing will be answered any more. */
void ph_operate_flushed(ph_broker *broker);
void ph_operate_end(ph_broker *broker);

#endif
