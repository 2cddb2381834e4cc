/*
 * xsd - what a vendor's XML looks like, by W3C XML Schema 1.0, through libxml2.
 *
 * A schema is one file and those beside it that it includes or imports. Before libxml2
 * sees any of them each is read by our own decoder, so there is no document type
 * declaration and no entity in them; a location is the plain name of a file in the same
 * folder, so nothing is fetched. xs:redefine is not taken. What a definition comes to
 * once its groups, bases and unions are written out is counted before libxml2 does it.
 *
 * A document is checked as libxml2 reads it (SAX2): no tree is built, and the time goes
 * with its size. What it says about where schemas are (xsi:schemaLocation) is passed
 * over. The first breach ends it. A breach is told in our words, with names that the
 * schema or the document's markup has, and never with a value.
 *
 * At most 64 files of 1 MiB; 10,000 particles and types in a definition that is written
 * out, 200,000 in all; definitions that refer to each other 200 deep; groups that repeat
 * 20 deep; 200,000,000 for the cubes of the elements in each type's content together (one
 * of 580 elements, 200 of 100). A document has the limits of XML
 * (lib/codec/codec.h), and at most 20,000 elements where the schema has keys, which
 * libxml2 compares each with all others.
 *
 * Thread: a schema never changes after loading; loading is for one thread at a time. A checker
 * has one owner.
 * Errors: PH_ERR_INVALID with place, PH_ERR_TOO_LARGE, PH_ERR_NOT_FOUND, PH_ERR_NOMEM.
 */
#ifndef PH_CODEC_XSD_H
#define PH_CODEC_XSD_H

#include <stddef.h>
#include <packhorse/error.h>

typedef struct ph_xsd ph_xsd;

#define PH_XSD_PATH 256 /* bytes of an element's path, the zero included */

/* *out is yours. */
ph_status ph_xsd_load(const char *path, ph_xsd **out, ph_error *err);
void ph_xsd_destroy(ph_xsd **schema_p);
/* The file it was read from. */
const char *ph_xsd_file(const ph_xsd *schema);

/* PH_XSD_SOAP: the first element in the Body of a SOAP envelope is held to the schema,
 * and nothing else; a Fault is passed over. */
enum { PH_XSD_SOAP = 1 };
/* Hold a document to the schema. `name` is its source in errors. After a breach `path`
 * is the way to the element from the checked root, as ph_node_path writes it without
 * positions ("Request/Operation"; "/" is the root); it may be NULL. */
ph_status ph_xsd_check(const ph_xsd *schema, const char *name, const void *bytes,
    size_t length, unsigned flags, char path[PH_XSD_PATH], ph_error *err);

/* The same for one document after the other: parser and validator are made once. The schema
 * outlives it. */
typedef struct ph_xsd_checker ph_xsd_checker;
ph_status ph_xsd_checker_new(
    const ph_xsd *schema, const char *name, ph_xsd_checker **out, ph_error *err);
void ph_xsd_checker_destroy(ph_xsd_checker **checker_p);
ph_status ph_xsd_checker_run(ph_xsd_checker *checker, const void *bytes, size_t length,
    unsigned flags, char path[PH_XSD_PATH], ph_error *err);
/* What became of the document that was held to it while it was decoded (ph_xml_decode_held,
 * lib/codec/codec.h). */
ph_status ph_xsd_checker_result(
    const ph_xsd_checker *checker, char path[PH_XSD_PATH], ph_error *err);

#endif
