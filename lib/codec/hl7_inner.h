/*
 * hl7_inner - what reading and writing HL7 v2 share.
 *
 * Private to lib/codec. Thread: pure.
 */
#ifndef PH_CODEC_HL7_INNER_H
#define PH_CODEC_HL7_INNER_H

#include "lib/codec/records_inner.h"

/* MSH-1 and the first four of MSH-2. */
typedef struct ph_hl7_marks {
	char field, component, repetition, escape, part;
} ph_hl7_marks;

/* From the field separator and the encoding characters ("^~\&", or five of them). False:
 * letters, digits, blanks, or one of them twice. */
bool ph_hl7_marks_read(
    char field, const char *encoding, size_t length, ph_hl7_marks *out);
/* Three of A-Z and 0-9, a letter first. */
bool ph_hl7_is_segment(const char *name, size_t length);
/* The charset that MSH-18 names; "" is UTF-8. */
bool ph_hl7_charset(const char *name, size_t length, ph_charset *out);

#endif
