/*
 * map_inner - a loaded map and a call, as the parser, the checker and the runner see them.
 *
 * Loading reads the file into links and compiles them for each direction into a flat program: an
 * array of operations, each with its source operands, its chain of conversions and the slots its
 * results go to. A call runs the program once per record.
 *
 * Thread: a map never changes after loading; a call has one owner.
 */
#ifndef PH_MAP_INNER_H
#define PH_MAP_INNER_H

#include "lib/base/buffer.h"
#include "lib/base/table.h"
#include "lib/codec/codec.h"
#include "lib/codec/charset.h"
#include "lib/codec/pieces.h"
#include "lib/codec/records.h"
#include "lib/codec/xsd.h"
#include "lib/codec/xsd_shape.h"
#include "packhorse/map.h"
#include "transform/condition.h"
#include "transform/convert.h"
#include "transform/schema.h"
#include "transform/shape.h"

#define PH_PREFIXES_MAX 16
#define PH_URLS_MAX	8
#define PH_CHAIN_MAX	8

typedef enum ph_operand_kind {
	PH_OPERAND_PATH,
	PH_OPERAND_HEADER,  /* a path in the SOAP header */
	PH_OPERAND_KEYS,    /* a pattern of names: the names ... */
	PH_OPERAND_VALUES,  /* ... and their values; always after KEYS */
	PH_OPERAND_CONTEXT, /* $name */
	PH_OPERAND_CONST,
	PH_OPERAND_URL,	 /* target only: $url.NAME */
	PH_OPERAND_EVENT /* target only, in: $event.id, $event.time, $event.type */
} ph_operand_kind;

typedef enum ph_event_field {
	PH_FIELD_ID,
	PH_FIELD_TIME,
	PH_FIELD_TYPE,
	PH_FIELDS
} ph_event_field;

typedef struct ph_operand {
	ph_operand_kind kind;
	size_t at;    /* offset in the link */
	ph_path path; /* PATH, HEADER, KEYS, VALUES */
	int number;   /* CONTEXT: its number; URL: its index; EVENT: ph_event_field */
	const char *text; /* CONST: the text; URL: the name */
	size_t length;
	bool has_with;
	ph_path with; /* CONST: only if this has been made */
} ph_operand;

typedef struct ph_side {
	size_t count;
	ph_operand at[PH_TUPLE_MAX];
} ph_side;

typedef struct ph_link {
	const ph_node *node; /* the scalar */
	unsigned directions; /* PH_FLOWS_* */
	ph_side canonical, vendor;
	size_t chain_count;
	ph_convert chain[PH_CHAIN_MAX]; /* as written */
	bool has_when;
	ph_condition when;
	bool references; /* a conversion asks for a cross-reference */
	struct ph_link *next;
} ph_link;

/* One operation of a program. */
typedef struct ph_op {
	const ph_link *link;
	const ph_side *from;
	const ph_side *to;
	uint32_t
	    slots[PH_TUPLE_MAX]; /* PATH, HEADER, KEYS, VALUES: where the result goes */
	bool last;		 /* it has `with`: after the others */
	uint32_t with_slot;
} ph_op;

typedef struct ph_program {
	ph_op *ops;
	size_t count;
	ph_shape *body;	  /* the document to be written */
	ph_shape *header; /* out, SOAP */
} ph_program;

typedef struct ph_require {
	const ph_node *node;
	ph_condition condition;
	ph_policy policy;
	struct ph_require *next;
} ph_require;

typedef struct ph_resource {
	void *object;
	ph_release *release;
	struct ph_resource *next;
} ph_resource;

/* A field of the vendor's whose text is a document. */
typedef struct ph_open {
	ph_path path;	  /* from the top of the document, as `root` */
	ph_path previous; /* the same in a previous record that stands elsewhere */
	bool xml;	  /* else JSON */
	bool inside;	  /* a record: if it is broken, that one fails alone */
} ph_open;

/* Calls that have been, whose memory the next ones use; see map_spare.c. */
typedef struct ph_spares ph_spares;

struct ph_map {
	ph_document *document; /* the file; its arena holds all below */
	ph_arena *arena;
	const char *name, *file, *entity, *type;
	unsigned version;
	ph_map_format format;
	ph_records *records; /* what the vendor's fields are; NULL: the format says */
	ph_xsd *xsd;	     /* what the vendor's XML is held to; NULL */
	ph_xsd_shape *xsd_shape; /* what it allows; NULL if xsd is */
	ph_charset charset;	 /* XML is written in */
	bool related;		 /* parts are written as multipart/related */
	bool repair;	   /* read texts that were made UTF-8 twice as made once */
	ph_schema *schema; /* NULL: no canonical side */
	ph_schema *vendor_schema;  /* the vendor's own, in JSON Schema; NULL */
	ph_names *canonical_names; /* the schema's, if there is one */
	ph_names *vendor_names;
	ph_syntax canonical_syntax, vendor_syntax;
	ph_prefix prefixes[PH_PREFIXES_MAX];
	size_t prefix_count;
	ph_xml_prefix xml_prefixes[PH_PREFIXES_MAX];
	size_t xml_prefix_count;
	ph_path root_in, root_out, each;
	bool has_each;
	/* `each: a/b | split(",")`: `each` is a, the records; this their field b */
	ph_path split_field;
	const char *split; /* between the items; NULL: nothing is split */
	size_t split_length;
	ph_path *order; /* vendor fields to be written in this order */
	size_t order_count;
	const ph_node *order_node;
	ph_open *opens; /* the outer ones first */
	size_t open_count;
	bool completes;		/* `vendor.previous`: it writes whole records */
	bool has_previous_root; /* else the previous record is found as any is */
	ph_path previous_root;
	ph_path *previous_without; /* fields that are not taken over from it */
	size_t previous_without_count;
	bool null_absent, empty_absent;
	size_t largest;	       /* bytes of a whole document */
	size_t longest_record; /* of a stream; 0: as the codec has it */
	size_t piece_size;     /* the same; for tests */
	ph_context context;
	const char *urls[PH_URLS_MAX];
	size_t url_count;
	ph_link *links; /* in order */
	size_t link_count;
	ph_require *requires;
	const ph_node *drop_canonical, *drop_vendor; /* lists or NULL */
	ph_program in, out;
	bool mints;
	struct ph_promoted *promoted; /* fields that become attributes of the message */
	size_t promoted_count;
	const char *subject, *event_id, *event_time; /* ways to fields, "a/b"; "" */
	ph_resource *resources;
	ph_spares *spares;
};

/* A field of the canonical document and the attribute it is promoted to. */
typedef struct ph_promoted {
	const char *attribute;
	const char *way; /* "service/code" */
} ph_promoted;

/* map_parse.c: read the file. Complaints go to the load; the map is then not to be used. */
bool ph_map_parse(ph_map *map, ph_load *load);
/* map_format.c: the vendor's bytes. What of `vendor` says how they look: */
bool ph_vendor_parse(ph_map *map, ph_load *load, const ph_node *vendor);
/* *reader is made when there is XML, and serves the next document. */
ph_status ph_vendor_decode(const ph_map *map, ph_document *document,
    ph_xml_reader **reader, const void *bytes, size_t length, ph_error *err);
/* The same for a document that is held to the vendor's schema, if there is one: *checker is made
 * when it is needed, and then says what came of it. */
ph_status ph_vendor_decode_held(const ph_map *map, ph_document *document,
    ph_xml_reader **reader, ph_xsd_checker **checker, const void *bytes, size_t length,
    ph_error *err);
/* The same for a piece of a large file. */
ph_status ph_vendor_decode_piece(const ph_map *map, ph_document *document,
    ph_xml_reader **reader, const ph_piece *piece, ph_records_state *state,
    ph_error *err);
/* Append what `root` is (XML: the element or envelope) to `out`. *media is the content
 * type, on `arena`, where it is not the map's; both may be NULL. */
ph_status ph_vendor_encode(const ph_map *map, const ph_node *root, unsigned json_flags,
    ph_buffer *out, ph_arena *arena, const char **media, ph_error *err);
/* map_open.c: texts that are documents are opened by ph_vendor_decode, and made texts again. */
ph_status ph_vendor_open(
    const ph_map *map, ph_document *document, ph_xml_reader **reader, ph_error *err);
/* The same in a previous record with a root of its own. */
ph_status ph_vendor_open_previous(
    const ph_map *map, ph_document *document, ph_xml_reader **reader, ph_error *err);
/* Those at and below `node`. `fresh`: what was read has been changed: do not take its text. */
ph_status ph_vendor_close(
    const ph_map *map, ph_document *document, ph_node *node, bool fresh, ph_error *err);
/* The text in a record that was no document; NULL. */
const ph_node *ph_vendor_broken(const ph_node *record);
/* What follows from the declaration: once root and each are known, and for what is written. */
bool ph_open_settle(ph_map *map);
void ph_open_shape(const ph_map *map, ph_shape *shape);
/* map_split.c: records of the items of a text. Read what `each` says behind its path: */
bool ph_split_parse(ph_map *map, ph_load *load, ph_scan *scan);
/* `add` the record that `node` is, or one for each item. False if `add` said so, or there is no
 * memory. */
typedef bool ph_split_add(void *self, const ph_node *node, const ph_node *whole);
bool ph_split(ph_map_call *call, const ph_node *node, ph_split_add *add, void *self);
/* Does a field of the record that is to be written hold what would part it? */
bool ph_split_parts(const ph_map *map, const char *const *names, const ph_node *top);
/* Is the whole of it one XML document? */
static inline bool
ph_vendor_is_xml(const ph_map *map)
{
	return map->format == PH_MAP_XML || map->format == PH_MAP_SOAP;
}
/* Hold bytes to the vendor's schema, if there is one; `path` is that of a breach. *checker is
 * made when it is needed, and serves the next document. */
ph_status ph_vendor_check(const ph_map *map, ph_xsd_checker **checker,
    const void *bytes, size_t length, char path[PH_XSD_PATH], ph_error *err);
/* Their content type. */
const char *ph_vendor_media(const ph_map *map);
/* map_link.c: read one link and add it to the end. */
bool ph_link_parse(ph_map *map, ph_load *load, const ph_node *node, ph_link ***end);
bool ph_require_parse(
    ph_map *map, ph_load *load, const ph_node *node, ph_require **out);
/* map_compile.c: links to programs. */
bool ph_map_compile(ph_map *map, ph_load *load);
/* map_check.c: what can be said before it runs. */
bool ph_map_examine(const ph_map *map, ph_load *load);
/* map_check_vendor.c: the part of it that looks at the vendor's side, and at types. */
void ph_map_examine_vendor(const ph_map *map, ph_load *load);
/* map_check_xsd.c, map_check_content.c: the part of that for an XML Schema: paths; what is
 * written. */
void ph_map_examine_paths(const ph_map *map, ph_load *load);
void ph_map_examine_content(const ph_map *map, ph_load *load);

/* map_keep.c: release the resource with the map; now, if there is no memory: false. */
bool ph_map_keep(void *map, void *resource, ph_release *release);
bool ph_map_keep_pattern(void *map, ph_pattern *pattern);
/* The number of a name of the context, new or not. */
int ph_map_context(void *map, ph_arena *arena, const char *name, size_t length);

/* A call. */
typedef struct ph_binding {
	const char *entity, *system, *key, *id;
	struct ph_binding *next;
} ph_binding;

typedef struct ph_warning {
	const char *text;
	struct ph_warning *next;
} ph_warning;

typedef struct ph_pair {
	const char *name, *value;
	size_t length;
} ph_pair;

typedef struct ph_record {
	const ph_node *node;  /* in the source document; NULL: it could not be read */
	const ph_node *whole; /* what it is one item of; NULL: it stands by itself */
	ph_map_result result;
	bool failed; /* before its run: result and the rest are set */
	const char *stage, *reason;
	char *path;
	ph_error *error;
	const char *data; /* on the target's arena */
	size_t length;
	const char *media; /* out: NULL: the map says */
	const char *digest;
	size_t digest_length;
	ph_pair *attributes;
	size_t attribute_count;
	ph_pair *pairs;
	size_t pair_count;
	const char *urls[PH_URLS_MAX];
	ph_binding *bindings;
	ph_warning *warnings;
} ph_record;

typedef struct ph_wanted {
	ph_map_reference kind;
	const char *entity, *system, *key, *answer;
	uint64_t hash;
	struct ph_wanted *next; /* in its bucket */
} ph_wanted;

/* A flag of calls beside the public ones, for the laws: no `require`, no required fields, and no
 * schema of the vendor's. */
enum { PH_MAP_LOOSE = 0x100 };

typedef struct ph_trace ph_trace; /* trace.h */

struct ph_map_call {
	const ph_map *map;
	const ph_trace *trace; /* NULL: nobody watches */
	unsigned direction;    /* PH_FLOWS_* */
	unsigned flags;
	ph_document *source, *target;
	const ph_piece *piece; /* what the source is a part of; NULL: it is whole */
	ph_records_state *state;
	ph_document *previous; /* out: the vendor's record before; NULL */
	const ph_node *previous_record;
	const char *const *source_names; /* bound to the source */
	const char *const *target_names;
	const ph_node *header; /* in, SOAP: the Header or NULL */
	ph_value context[PH_CONTEXT_MAX];
	ph_record *records;
	size_t count;
	ph_xml_reader *reader;	 /* NULL until there is XML to read; kept */
	ph_xsd_checker *checker; /* NULL until there is XML to hold to a schema; kept */
	ph_buffer bytes;	 /* what is being written; kept for the next call */
	ph_wanted **wanted, **wanted_buckets; /* NULL until there is one */
	size_t wanted_count, wanted_room;
	ph_map_unmapped *unmapped; /* a survey: told each code that no table has */
	void *unmapped_self;
	bool collected, ran;
	bool no_memory;
};

struct ph_run {
	ph_map_call *call;
	ph_record *record;
	const ph_op *op;
	bool collecting;
	ph_reading reading;
	ph_filling body, header;
	ph_value event[PH_FIELDS];
	bool is_volatile; /* something written is left out of the digest */
};

/* map_spare.c: a call with two empty documents that may hold so much, and its end. */
ph_status ph_map_spares_new(ph_spares **out, ph_error *err);
void ph_map_spares_destroy(ph_spares **spares_p);
ph_status ph_map_call_take(const ph_map *map, unsigned direction, size_t source_limit,
    size_t target_limit, ph_map_call **out, ph_error *err);
void ph_map_call_leave(ph_map_call *call);
/* A key that nobody knows, for hashing what strangers send. */
const uint8_t *ph_map_hash_key(const ph_spares *spares);
/* map_call.c: a call over a piece of a file, which stays until the call is destroyed. */
ph_status ph_call_new_piece(const ph_map *map, const ph_piece *piece,
    ph_records_state *state, ph_map_call **out, ph_error *err);
/* map_stream.c: the sender's bytes of one record of a piece, in a document of the file's format;
 * where what repeats is long, with its neighbours. *out is yours. */
ph_status ph_call_cut(
    const ph_map_call *call, size_t record, char **out, size_t *length, ph_error *err);
/* map_wanted.c: the wanted reference, entered if it is new; NULL past the limit. */
const ph_wanted *ph_call_want(ph_map_call *call, ph_map_reference kind,
    const char *entity, const char *system, const char *key);

/* map_run.c */
void ph_call_collect(ph_map_call *call);
void ph_call_run(ph_map_call *call);
void ph_call_survey(ph_map_call *call);
/* map_output.c: write what a run has filled in. False after a failure. */
bool ph_run_output(ph_run *run);
/* complement.c: what the previous record has and `root` has not. False past the limits. */
bool ph_complement(ph_map_call *call, ph_node *root);
/* map_note.c: "file:line:column" of a link; "source -> target" of an operation. */
void ph_link_where(const ph_map *map, const ph_link *link, char out[PH_ERROR_WHERE]);
const char *ph_op_path(ph_arena *arena, const ph_op *op);
/* What becomes of a record that fails by a policy. */
ph_map_result ph_policy_result(ph_policy policy);
/* Fail a record outside a conversion. */
void ph_record_fail(ph_map_call *call, ph_record *record, ph_map_result result,
    const char *stage, const char *reason, const char *path, const char *where,
    const char *format, ...) __attribute__((format(printf, 8, 9)));

#endif
