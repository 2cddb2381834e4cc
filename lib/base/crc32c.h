/*
 * crc32c - the Castagnoli checksum (RFC 3720, appendix B.4; polynomial 0x1EDC6F41, reflected).
 *
 * Uses the processor's instruction where there is one (SSE4.2, ARMv8), a table elsewhere.
 * Thread: pure.
 */
#ifndef PH_BASE_CRC32C_H
#define PH_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Continue from `crc` (0 to start). "123456789" gives 0xE3069283. */
uint32_t ph_crc32c(uint32_t crc, const void *bytes, size_t length);
/* The same by the table whatever the processor, so that a test can hold them together. */
uint32_t ph_crc32c_portable(uint32_t crc, const void *bytes, size_t length);

#endif
