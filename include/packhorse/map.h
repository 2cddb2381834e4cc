/*
 * map - the map engine: a vendor's bytes to a canonical message and back, from one declaration.
 *
 * A map (doc/maps.md) is loaded with the code tables and the canonical schema it names. Each
 * document that goes through it is one *call*, in four steps:
 *
 *   1. ph_map_call_new decodes the bytes, validates them (out: against the canonical schema) and
 *      splits them into records; ph_map_call_set gives the values that the map may name ($...);
 *   2. ph_map_call_reference lists the cross-references that the records need. The caller looks
 *      them all up in one go, wherever they are kept, and says so with ph_map_call_answer;
 *   3. ph_map_call_run maps every record;
 *   4. the accessors tell, record by record, what became of it.
 *
 * The engine is pure: it opens no socket, reads no clock and no file but the declarations, at
 * load time. The same bytes, values and answers give the same output.
 *
 * Ownership: a map outlives its calls. Pointers that accessors return live as long as the call
 * (or the map); texts are zero-terminated UTF-8.
 * Thread: a loaded map never changes and may be used by several threads at once; a call belongs
 * to one thread.
 * Errors: PH_ERR_INVALID with "file:line:column" for declarations; PH_ERR_USAGE, PH_ERR_NOMEM. What is
 * wrong with a document is no error of these functions but the outcome of a record. Error texts
 * name places and kinds, never a value.
 */
#ifndef PACKHORSE_MAP_H
#define PACKHORSE_MAP_H

#include <stddef.h>
#include <stdint.h>
#include <packhorse/error.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ph_map ph_map;
typedef struct ph_map_call ph_map_call;

typedef enum ph_map_direction {
	PH_MAP_IN = 1, /* vendor bytes to canonical JSON */
	PH_MAP_OUT = 2 /* canonical JSON to vendor bytes */
} ph_map_direction;

typedef enum ph_map_format {
	PH_MAP_XML = 1,
	PH_MAP_SOAP, /* XML in the body of a SOAP 1.1 envelope */
	PH_MAP_JSON,
	PH_MAP_FORM, /* application/x-www-form-urlencoded; outputs are also name/value pairs */
	/* those that a record description names the fields of (doc/records.md) */
	PH_MAP_CSV,
	PH_MAP_RECORD_CSV, /* the first field says what a record is */
	PH_MAP_FIXED,
	PH_MAP_HL7, /* HL7 v2, one message, without a transport's frame */
	/* multipart/form-data and multipart/related; files by reference */
	PH_MAP_MULTIPART
} ph_map_format;

/* What became of one record. */
typedef enum ph_map_result {
	PH_MAP_DONE = 1, /* there is an output */
	PH_MAP_IGNORED,	 /* the map says to leave it out: nothing went wrong */
	PH_MAP_HELD, /* failed: refuse it if the sender can be told, else keep it as a dead letter */
	PH_MAP_REFUSED, /* failed, and the map wants the sender told (an unknown=reject) */
	PH_MAP_DENIED, /* a `require` failed: the sender has not proven itself; keep nothing */
	PH_MAP_LATER /* failed on something that may turn up soon (an unknown=retry): try again */
} ph_map_result;

/*
 * Load `name`: a path if it has a '/', else maps/<name>.yaml in the first of `folders` that has
 * it. Code tables are looked for as codes/<file> and schemas as schemas/<file> in each folder, then
 * as <file> beside it. `folders` ends with NULL. *out is yours.
 */
PH_EXPORT ph_status ph_map_load(
    const char *name, const char *const *folders, ph_map **out, ph_error *err);
PH_EXPORT void ph_map_destroy(ph_map **map_p);

/* Its name, and the file it was read from. */
PH_EXPORT const char *ph_map_name(const ph_map *map);
PH_EXPORT const char *ph_map_file(const ph_map *map);
PH_EXPORT ph_map_format ph_map_format_of(const ph_map *map);
/* Content type of the vendor's bytes: "text/xml; charset=utf-8". */
PH_EXPORT const char *ph_map_media(const ph_map *map);
/* The canonical entity ("service-request"), its version and the schema's id (a CloudEvents
 * dataschema). "" and 0 for a map without a canonical side (a request for a poll). */
PH_EXPORT const char *ph_map_entity(const ph_map *map);
PH_EXPORT unsigned ph_map_version(const ph_map *map);
PH_EXPORT const char *ph_map_dataschema(const ph_map *map);
/* CloudEvents type of what it makes on the way in; "" if it makes none. */
PH_EXPORT const char *ph_map_type(const ph_map *map);
/* Has what it makes a type, by `type:` or by a link to $event.type? Without, it is no message. */
PH_EXPORT int ph_map_has_type(const ph_map *map);
/* Prefix of minted ids of the entity ("SR"), or "". */
PH_EXPORT const char *ph_map_id_prefix(const ph_map *map);
/* Has it links in this direction? */
PH_EXPORT int ph_map_goes(const ph_map *map, ph_map_direction direction);
/* Does it say what a previous record looks like (`vendor.previous`)? It is then to be given
 * one wherever there is one. */
PH_EXPORT int ph_map_completes(const ph_map *map);
/* Does it mint ids on the way in? */
PH_EXPORT int ph_map_mints(const ph_map *map);
/* The values the map names, by position, without the '$' ("secret.user"); NULL past the end. */
PH_EXPORT const char *ph_map_wants(const ph_map *map, size_t index);

/*
 * Report everything that is wrong or worth knowing about a map, not only the first mistake.
 * `tell` is called with kind "error", "warning", "note" or "link" (a link's class: iso, lossy,
 * in-only, out-only), the place and a line of text. Returns PH_OK if no error was reported.
 */
typedef void ph_map_tell(
    void *self, const char *kind, const char *where, const char *text);
PH_EXPORT ph_status ph_map_check(const char *name, const char *const *folders,
    ph_map_tell *tell, void *self, ph_error *err);

enum {
	PH_MAP_PARTIAL =
	    1, /* out: the document is a projection; do not ask for required fields */
	PH_MAP_ALONE =
	    2, /* in: the bytes are from ph_map_call_source: the document they were cut
		 from was held to the vendor's schema, and they need not be */
	PH_MAP_ADDRESS = 4 /* out: make no bytes, only the values for the address
			      (ph_map_call_url): where the previous record is */
};

/*
 * One document. A document that cannot be read makes a call with one failed record, so that all
 * bad input is handled in one place. `bytes` are borrowed until the call is destroyed. PH_ERR_USAGE:
 * the map does not go in this direction. *out is yours.
 */
PH_EXPORT ph_status ph_map_call_new(const ph_map *map, ph_map_direction direction,
    unsigned flags, const void *bytes, size_t length, ph_map_call **out, ph_error *err);
PH_EXPORT void ph_map_call_destroy(ph_map_call **call_p);

/*
 * Give a value (copied; NULL: absent) before the references are asked for:
 *   accepted_at       RFC 3339 in UTC: now (in); when the message was accepted (out)
 *   receipt           unique text of this receipt (in), for senders that give no key of their own
 *   reference         the vendor's reference of the subject, where it is known (out)
 *   jurisdiction      the site's; adapter: this adapter's name
 *   event.NAME        an attribute of the message (out); event.source also sets origin, the
 *                     adapter's name at its end
 *   setting.NAME, secret.NAME, window.from, window.to
 * What is made from accepted_at, receipt or window.* is left out of digests; what is made from
 * secret.* is never shown. PH_ERR_USAGE: no such name.
 */
PH_EXPORT ph_status ph_map_call_set(
    ph_map_call *call, const char *name, const char *value, ph_error *err);

/*
 * Out, before the run: the vendor's record as it was, in the map's format (copied), where
 * `vendor.previous` says, else in the form that the map reads. What the links do
 * not write is taken over from it, so that a partial update becomes a whole record: objects are put
 * together member by member, what repeats is taken as a whole, and null stands. XML, SOAP, JSON and
 * forms. PH_ERR_INVALID: not one record of this map.
 */
PH_EXPORT ph_status ph_map_call_previous(
    ph_map_call *call, const void *bytes, size_t length, ph_error *err);

/* The numbers are those of the RESOLVE frame (doc/protocol.md). */
typedef enum ph_map_reference {
	PH_MAP_CANONICAL = 1, /* the canonical id of `key`, a vendor's key */
	PH_MAP_VENDOR = 2,    /* the vendor's key of `key`, a canonical id */
	PH_MAP_MINT = 3,      /* as CANONICAL, made now if there is none */
	PH_MAP_EXISTS = 4     /* is `key` the id of something canonical? */
} ph_map_reference;

/*
 * The references the records need, each distinct one once, by position; PH_ERR_NOT_FOUND past the
 * end. `system` is "" for the adapter's own. Any output pointer may be NULL.
 */
PH_EXPORT ph_status ph_map_call_reference(ph_map_call *call, size_t index,
    ph_map_reference *kind, const char **entity, const char **system, const char **key);
/* The answer (copied), NULL: unknown. For EXISTS any text means yes. What is not answered is
 * unknown. */
PH_EXPORT ph_status ph_map_call_answer(
    ph_map_call *call, size_t index, const char *value, ph_error *err);

/*
 * Instead of mapping: tell each code of the document that a code table of the map has no row for, in
 * whatever record and however its `unknown=` is declared. `code` has one text for each column of the
 * key ("" for an absent one). Records that a `require` leaves out are not looked at, but `deny` counts
 * for nothing here. Values and references are not needed. PH_ERR_INVALID: the document cannot
 * be read, as the error says.
 */
typedef void ph_map_unmapped(
    void *self, const char *table, const char *const *code, size_t count);
PH_EXPORT ph_status ph_map_call_survey(
    ph_map_call *call, ph_map_unmapped *tell, void *self, ph_error *err);

/* Map all records. Once per call. */
PH_EXPORT ph_status ph_map_call_run(ph_map_call *call, ph_error *err);

/* How many records; what became of each. */
PH_EXPORT size_t ph_map_call_count(const ph_map_call *call);
PH_EXPORT ph_map_result ph_map_call_result(const ph_map_call *call, size_t record);

/* DONE: canonical JSON, or the vendor's bytes. */
PH_EXPORT const void *ph_map_call_data(
    const ph_map_call *call, size_t record, size_t *length);

/*
 * DONE, in: the message's attributes by position: type, dataschema, datacontenttype, and, where the map
 * or schema has them, id, subject, time and the promoted ones. 0 past the end.
 */
PH_EXPORT int ph_map_call_attribute(const ph_map_call *call, size_t record,
    size_t index, const char **name, const char **value);
/* One of them by name, or NULL. */
PH_EXPORT const char *ph_map_call_get(
    const ph_map_call *call, size_t record, const char *name);
/* DONE, in: the canonical JSON without volatile values: what a repeat is recognised by. */
PH_EXPORT const void *ph_map_call_digest(
    const ph_map_call *call, size_t record, size_t *length);
/* DONE, in: cross-references to make durable with the message. 0 past the end. */
PH_EXPORT int ph_map_call_binding(const ph_map_call *call, size_t record, size_t index,
    const char **entity, const char **system, const char **key, const char **id);

/* DONE, out: content type of these bytes: the map's, with the boundary of multipart. */
PH_EXPORT const char *ph_map_call_media(const ph_map_call *call, size_t record);
/* DONE, out: values for the transport's address ($url.NAME). 0 past the end. */
PH_EXPORT int ph_map_call_url(const ph_map_call *call, size_t record, size_t index,
    const char **name, const char **value);
/* DONE, out, format form: the pairs, in order; names may repeat. 0 past the end. */
PH_EXPORT int ph_map_call_pair(const ph_map_call *call, size_t record, size_t index,
    const char **name, const char **value, size_t *length);

/* Not DONE: decode, validate or map; and a word: malformed, invalid, unknown-code,
 * unknown-reference, denied, ignored. Never NULL. */
PH_EXPORT const char *ph_map_call_stage(const ph_map_call *call, size_t record);
PH_EXPORT const char *ph_map_call_reason(const ph_map_call *call, size_t record);
/* Not DONE: the field, as "source -> target" or what of it is known; "" if none. */
PH_EXPORT const char *ph_map_call_path(const ph_map_call *call, size_t record);
/* Not DONE: text with its code and, in `where`, the map's or the document's line. */
PH_EXPORT const ph_error *ph_map_call_error(const ph_map_call *call, size_t record);
/* Any: warnings (a declared default stood in for an unknown code), by position, or NULL. */
PH_EXPORT const char *ph_map_call_warning(
    const ph_map_call *call, size_t record, size_t index);

/*
 * In: the sender's bytes of one record alone, in the map's format: the whole document without the
 * other records, so that what failed can be kept and put through the map again. A record of a stream
 * that cannot be written again is given as it stands in the file. *out is fresh memory
 * (free it with free). PH_ERR_NOT_FOUND: the record is the whole document.
 */
PH_EXPORT ph_status ph_map_call_source(const ph_map_call *call, size_t record,
    PH_FRESH char **out, size_t *length, ph_error *err);

/*
 * Large files, in: read from front to back, in memory that does not grow with them. A stream gives
 * one call after another, each with some of the file's records, in their order; what they hold
 * is what they would hold if the file were read whole. The file is borrowed through `read`:
 * at most `size` bytes, *got is 0 only at the end. PH_ERR_USAGE (with the reason): maps whose record
 * is the whole document, that have a vendor's XML schema, or that read other records beside theirs.
 */
typedef struct ph_map_stream ph_map_stream;
typedef ph_status ph_map_read(
    void *self, void *into, size_t size, size_t *got, ph_error *err);
/* Can this map's files be read so? PH_ERR_USAGE says why not. */
PH_EXPORT ph_status ph_map_streams(const ph_map *map, ph_error *err);
PH_EXPORT ph_status ph_map_stream_open(const ph_map *map, ph_map_read *read, void *self,
    ph_map_stream **out, ph_error *err);
PH_EXPORT void ph_map_stream_destroy(ph_map_stream **stream_p);
/*
 * The next call, to be destroyed before the one after it. PH_ERR_NOT_FOUND at the end. Where the file
 * cannot be read any further (a broken row, a trailer that counts otherwise) there is a last call
 * with one failed record, or an error with the place: what came before has been given already, so
 * ask ph_map_stream_check of a file that can be read twice.
 */
PH_EXPORT ph_status ph_map_stream_next(
    ph_map_stream *stream, ph_map_call **out, ph_error *err);
/* The latest call's records anew, instead of a call that was destroyed. */
PH_EXPORT ph_status ph_map_stream_again(
    ph_map_stream *stream, ph_map_call **out, ph_error *err);
/* Records in the calls before the latest: the first of the latest is one more. */
PH_EXPORT uint64_t ph_map_stream_before(const ph_map_stream *stream);
/* Read to the end and map nothing: can all of it be read? The error has the file's line and column. */
PH_EXPORT ph_status ph_map_stream_check(ph_map_stream *stream, ph_error *err);
/* The same a call at a time, for those who have other work beside it. PH_ERR_NOT_FOUND: that was all. */
PH_EXPORT ph_status ph_map_stream_check_next(ph_map_stream *stream, ph_error *err);
/* Right after loading: the most bytes of a whole document (8 MiB), and of a record of a stream with
 * what stands around it (1 MiB). 0 leaves one as it is. */
PH_EXPORT void ph_map_limits(ph_map *map, size_t document, size_t record);
PH_EXPORT size_t ph_map_largest(const ph_map *map);
/* Where a record begins in the file, from 1; 0: nobody knows. */
PH_EXPORT int ph_map_call_place(
    const ph_map_call *call, size_t record, uint32_t *line, uint32_t *column);

/*
 * The state of one entity from its messages, oldest first: only the fields that the canonical
 * schema's status projection names. `state` is the result of the fold so far (NULL at first), `event`
 * the next message's data and `dataschema` its schema. A message that the projection does not
 * know leaves the state as it is. *out is fresh memory (free it with free).
 */
PH_EXPORT ph_status ph_map_fold(const ph_map *map, const char *dataschema,
    const void *state, size_t state_length, const void *event, size_t event_length,
    PH_FRESH char **out, size_t *length, ph_error *err);

#ifdef __cplusplus
}
#endif
#endif
