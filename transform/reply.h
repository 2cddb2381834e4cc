/*
 * reply - what a vendor answered, turned into an outcome by declared rules.
 *
 * Rules stand in an adapter's file, are tried in order, and the first that holds decides:
 *
 *   reply:
 *     - {if: c:Response/c:Number, outcome: delivered, reference: $value}
 *     - {if: $fault matches "^Client", outcome: rejected, text: s:Fault/faultstring}
 *     - {if: $status = 503, outcome: retry, after: 30s}
 *
 *   if         a condition (transform/condition.h) over the answer; absent: always. Paths begin at
 *              the answer's root element (below the SOAP body), prefixes are those of the map and `s`
 *              for the SOAP envelope. $status is the transport's number (HTTP), $fault the fault's
 *              code without prefix
 *   outcome    delivered, duplicate, retry, rejected or unknown
 *   reference  the vendor's reference, text: what to say. Each is a path, "text", $status or $value,
 *              the value of the condition's first path; a path that begins with .. starts there
 *   reason     a word for rejected; default "rejected"
 *   after      for retry: not before
 *   without    send once more without this field of the vendor's
 *
 * An answer that no rule knows is `unknown`: nobody can tell what the vendor did with it. One
 * that cannot be decoded has no paths, so only rules over $status and rules without `if` hold.
 *
 * Thread: pure after loading. Errors: PH_ERR_INVALID with file:line:column for rules.
 */
#ifndef PH_REPLY_H
#define PH_REPLY_H

#include <packhorse/client.h>
#include <packhorse/map.h>
#include "lib/document/document.h"

typedef struct ph_reply ph_reply;

typedef struct ph_verdict {
	ph_outcome outcome;
	bool matched;	      /* a rule held */
	unsigned line;	      /* of the rule */
	uint64_t delay_ms;    /* retry: not before; 0: not said */
	char reference[1024]; /* "" if none */
	char reason[64];      /* rejected: a word; else "" */
	char path[256];	      /* of the condition's first path in the answer, or "" */
	char text[PH_ERROR_TEXT]; /* one line, or "" */
	char without[256];	  /* "" if none */
} ph_verdict;

/* `rules` is a list node of `document`. The format and prefixes are those of `map` (NULL: JSON).
 * Neither need outlive the reply. */
ph_status ph_reply_load(const ph_document *document, const ph_node *rules,
    const ph_map *map, ph_reply **out, ph_error *err);
void ph_reply_destroy(ph_reply **reply_p);
/* Judge an answer. `status` 0: the transport has none. PH_ERR_NOMEM only. */
ph_status ph_reply_judge(const ph_reply *reply, unsigned status, const void *bytes,
    size_t length, ph_verdict *out, ph_error *err);

#endif
