/*
 * xref - what the broker knows of cross-references before the ledger does.
 *
 * A binding says that `key` in `system` is the canonical id `canonical` of an `entity`. Every binding
 * that is journalled enters here at once, and stays at least until the ledger has applied its record;
 * what the ledger answered is kept too, as long as there is room. So a look-up that finds something
 * here needs no ledger, and one that finds nothing must ask it: together they are never behind.
 *
 * `absent` remembers that the ledger knew nothing of a key: since every later binding passes through
 * here, that stays true until one does.
 *
 * Thread: owner. Errors: PH_ERR_NOMEM, PH_ERR_CONFLICT.
 */
#ifndef PH_BROKER_XREF_H
#define PH_BROKER_XREF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <packhorse/error.h>

typedef struct ph_xref ph_xref;

/* What is asked for: the kinds are those of the ledger's look-ups. */
typedef enum ph_xref_kind {
	PH_XREF_CANONICAL = 1, /* of a vendor's key */
	PH_XREF_KEY = 2,       /* the vendor's newest key of a canonical id */
	PH_XREF_EXISTS = 4     /* is the canonical id known at all? */
} ph_xref_kind;

typedef enum ph_xref_answer {
	PH_XREF_ASK,   /* not known here: ask the ledger */
	PH_XREF_FOUND, /* *value says what */
	PH_XREF_ABSENT /* there is none */
} ph_xref_answer;

/* `keep`: entries kept beyond those the ledger has not applied. */
ph_status ph_xref_new(size_t keep, ph_xref **out, ph_error *err);
void ph_xref_destroy(ph_xref **xref_p);

/* *value is borrowed until the next call that changes anything. */
ph_xref_answer ph_xref_look(const ph_xref *xref, ph_xref_kind kind, const char *entity,
    const char *system, const char *key, const char **value);
/* The ledger's answer; value NULL: it knows of none. What was bound meanwhile stays. */
void ph_xref_learn(ph_xref *xref, ph_xref_kind kind, const char *entity,
    const char *system, const char *key, const char *value);
/* A binding was journalled in the record at `offset`. PH_ERR_NOMEM leaves the ledger to know. */
ph_status ph_xref_bind(ph_xref *xref, const char *entity, const char *system,
    const char *key, const char *canonical, uint64_t offset, ph_error *err);
/* The ledger has applied every record before `offset`. */
void ph_xref_applied(ph_xref *xref, uint64_t offset);
/* Entries that the ledger has not applied. */
size_t ph_xref_ahead(const ph_xref *xref);

#endif
