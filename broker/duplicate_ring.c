/*
 * The file is state/duplicates.ring: a block of 4,096 bytes, then entries.
 *
 *	block	0  8  "PHDUPL" 0D 0A
 *		8  4  version: 1
 *		12 4  bytes of an entry: 48
 *		16 16 id of the file: random
 *		32 .. zeros
 *		4092 4 CRC32C of bytes 0 to 4091
 *	entry	0  16 fingerprint of (source, id)
 *		16 16 fingerprint of the content
 *		32 8  acceptance number
 *		40 4  CRC32C of the file's id and bytes 0 to 39
 *		44 4  zeros
 *
 * Numbers are little-endian. Which entries count stands in the checkpoint (duplicate.c). The file is
 * made under another name and renamed, so that it is never there without its block.
 *
 * Entries are gathered in one buffer while their places follow one another, and read ahead into
 * another; both are looked at before the file is.
 */
#include "broker/duplicate_ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/crashpoint.h"
#include "lib/base/assert.h"
#include "lib/base/crc32c.h"
#include "lib/base/os.h"

#define GATHER	  1365 /* entries in a buffer: just below 64 KiB */
#define FORMAT	  1
#define CHECKED	  40   /* bytes of an entry that its checksum is for */
#define HEAD_CRC  4092 /* where the block's checksum stands */
#define PATH_SIZE 4096

static const uint8_t magic[8] = {'P', 'H', 'D', 'U', 'P', 'L', 0x0d, 0x0a};

struct ph_duplicate_ring {
	const ph_fs *fs;
	int fd; /* -1: in memory */
	uint8_t id[PH_DUPLICATE_ID];
	uint32_t salt;	      /* checksum of the id */
	uint64_t places;      /* there is room for */
	uint8_t *memory;      /* instead of a file */
	uint64_t first;	      /* place of what was gathered first */
	size_t gathered;      /* entries to be written */
	uint64_t ahead_first; /* place of what was read ahead and not given yet */
	size_t ahead;	      /* entries of that */
	size_t ahead_at;      /* where in `read` */
	uint8_t gather[GATHER * PH_DUPLICATE_ENTRY];
	uint8_t read[GATHER * PH_DUPLICATE_ENTRY];
};

/* --- bytes ---------------------------------------------------------------------------- */

static void
put_number(uint8_t *to, uint64_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		to[i] = (uint8_t) (value >> 8 * i);
}

static uint64_t
get_number(const uint8_t *from, size_t bytes)
{
	uint64_t value = 0;
	for (size_t i = bytes; i-- > 0;)
		value = value << 8 | from[i];
	return value;
}

static void
encode(const ph_duplicate_ring *ring, const ph_seen *seen, uint8_t *to)
{
	memcpy(to, seen->id, PH_FINGERPRINT);
	memcpy(to + 16, seen->content, PH_FINGERPRINT);
	put_number(to + 32, seen->acceptance, 8);
	put_number(to + 40, ph_crc32c(ring->salt, to, CHECKED), 4);
	put_number(to + 44, 0, 4);
}

static ph_status
decode(const ph_duplicate_ring *ring, const uint8_t *from, uint64_t place, ph_seen *out,
    ph_error *err)
{
	if (get_number(from + 40, 8) != ph_crc32c(ring->salt, from, CHECKED) &&
	    !PH_MUTANT("ring-unchecked"))
		return ph_fail(err, PH_ERR_DAMAGED,
		    "PH5373 entry %llu of the duplicate window is damaged: counted as "
		    "not seen",
		    (unsigned long long) place);
	memcpy(out->id, from, PH_FINGERPRINT);
	memcpy(out->content, from + 16, PH_FINGERPRINT);
	out->acceptance = get_number(from + 32, 8);
	return PH_OK;
}

static int64_t
offset_of(uint64_t place)
{
	return (int64_t) (PH_DUPLICATE_HEAD + place * PH_DUPLICATE_ENTRY);
}

static ph_status
write_all(const ph_fs *fs, int fd, const uint8_t *bytes, size_t length, int64_t offset,
    ph_error *err)
{
	while (length > 0) {
		ssize_t put = fs->pwrite(fs->self, fd, bytes, length, offset);
		int failed = put == 0 ? ENOSPC : errno;
		if (put < 0 && failed == EINTR)
			continue;
		if (put <= 0)
			return ph_fail_errno(
			    err, failed, "PH5372 cannot write the duplicate window");
		bytes += put;
		length -= (size_t) put;
		offset += put;
	}
	return PH_OK;
}

/* As many as there are, up to `length`. */
static ph_status
read_some(const ph_duplicate_ring *ring, uint8_t *bytes, size_t length, int64_t offset,
    size_t *got, ph_error *err)
{
	const ph_fs *fs = ring->fs;
	*got = 0;
	while (*got < length) {
		ssize_t part = fs->pread(fs->self, ring->fd, bytes + *got,
		    length - *got, offset + (int64_t) *got);
		int failed = errno;
		if (part < 0 && failed == EINTR)
			continue;
		if (part < 0)
			return ph_fail_errno(
			    err, failed, "PH5373 cannot read the duplicate window");
		if (part == 0)
			break;
		*got += (size_t) part;
	}
	return PH_OK;
}

/* --- beginning and end ------------------------------------------------------------------ */

static ph_status
allocate(const ph_fs *fs, ph_duplicate_ring **out, ph_error *err)
{
	ph_duplicate_ring *ring = calloc(1, sizeof *ring);
	if (ring == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for the duplicate window");
	ring->fs = fs;
	ring->fd = -1;
	*out = ring;
	return PH_OK;
}

static void
use_id(ph_duplicate_ring *ring, const uint8_t *id)
{
	memcpy(ring->id, id, PH_DUPLICATE_ID);
	ring->salt = ph_crc32c(0, id, PH_DUPLICATE_ID);
}

static ph_status
name_file(
    const char *directory, const char *suffix, char path[PATH_SIZE], ph_error *err)
{
	if (snprintf(path, PATH_SIZE, "%s/duplicates.ring%s", directory, suffix) >=
	    PATH_SIZE)
		return ph_fail(err, PH_ERR_TOO_LARGE, "the state's path is too long");
	return PH_OK;
}

static ph_status
open_file(ph_duplicate_ring *ring, const char *path, int flags, ph_error *err)
{
	const ph_fs *fs = ring->fs;
	ring->fd = fs->open(fs->self, path, O_RDWR | flags, 0600);
	int failed = errno;
	if (ring->fd >= 0)
		return PH_OK;
	if (failed == ENOENT)
		return ph_fail_at(err, PH_ERR_NOT_FOUND, path,
		    "PH5370 the duplicate window is not there");
	return ph_fail_errno(err, failed, "PH5372 cannot open %s", path);
}

static ph_status
write_head(ph_duplicate_ring *ring, ph_error *err)
{
	uint8_t block[PH_DUPLICATE_HEAD] = {0};
	memcpy(block, magic, sizeof magic);
	put_number(block + 8, FORMAT, 4);
	put_number(block + 12, PH_DUPLICATE_ENTRY, 4);
	memcpy(block + 16, ring->id, PH_DUPLICATE_ID);
	put_number(block + HEAD_CRC, ph_crc32c(0, block, HEAD_CRC), 4);
	return write_all(ring->fs, ring->fd, block, sizeof block, 0, err);
}

static ph_status
make_file(ph_duplicate_ring *ring, const char *directory, ph_error *err)
{
	const ph_fs *fs = ring->fs;
	char path[PATH_SIZE], fresh[PATH_SIZE];
	uint8_t id[PH_DUPLICATE_ID];
	ph_status status = name_file(directory, ".new", fresh, err);
	if (status == PH_OK)
		status = name_file(directory, "", path, err);
	if (status == PH_OK)
		status = ph_os_random(id, sizeof id, err);
	if (status != PH_OK)
		return status;
	use_id(ring, id);
	status = open_file(ring, fresh, O_CREAT | O_TRUNC, err);
	if (status == PH_OK)
		status = write_head(ring, err);
	if (status == PH_OK && fs->fdatasync(fs->self, ring->fd) != 0)
		status = ph_fail_errno(err, errno, "PH5372 cannot sync %s", fresh);
	if (status == PH_OK && fs->rename(fs->self, fresh, path) != 0)
		status = ph_fail_errno(err, errno, "PH5372 cannot rename %s", fresh);
	return status == PH_OK ? ph_fs_sync_dir(fs, directory, err) : status;
}

ph_status
ph_duplicate_ring_make(
    const ph_fs *fs, const char *directory, ph_duplicate_ring **out, ph_error *err)
{
	ph_duplicate_ring *ring = NULL;
	ph_status status = allocate(fs, &ring, err);
	if (status == PH_OK && directory != NULL)
		status = make_file(ring, directory, err);
	if (status != PH_OK)
		ph_duplicate_ring_destroy(&ring);
	else
		*out = ring;
	return status;
}

static ph_status
check_head(ph_duplicate_ring *ring, const uint8_t *id, ph_error *err)
{
	uint8_t block[PH_DUPLICATE_HEAD];
	size_t got = 0;
	ph_status status = read_some(ring, block, sizeof block, 0, &got, err);
	if (status != PH_OK)
		return status;
	if (got < sizeof block || memcmp(block, magic, sizeof magic) != 0 ||
	    get_number(block + HEAD_CRC, 4) != ph_crc32c(0, block, HEAD_CRC))
		return ph_fail(err, PH_ERR_DAMAGED,
		    "PH5370 the head of the duplicate window is damaged");
	if (get_number(block + 8, 4) != FORMAT ||
	    get_number(block + 12, 4) != PH_DUPLICATE_ENTRY)
		return ph_fail(err, PH_ERR_VERSION,
		    "PH5370 the duplicate window is of another version");
	if (memcmp(block + 16, id, PH_DUPLICATE_ID) != 0)
		return ph_fail(err, PH_ERR_NOT_FOUND,
		    "PH5370 the duplicate window is not the one that was saved");
	use_id(ring, id);
	return PH_OK;
}

static ph_status
look_at_size(ph_duplicate_ring *ring, ph_error *err)
{
	int64_t size = ring->fs->size(ring->fs->self, ring->fd);
	if (size < PH_DUPLICATE_HEAD)
		return ph_fail(
		    err, PH_ERR_IO, "PH5372 cannot see the duplicate window's size");
	ring->places = ((uint64_t) size - PH_DUPLICATE_HEAD) / PH_DUPLICATE_ENTRY;
	return PH_OK;
}

ph_status
ph_duplicate_ring_open(const ph_fs *fs, const char *directory,
    const uint8_t id[PH_DUPLICATE_ID], ph_duplicate_ring **out, ph_error *err)
{
	ph_duplicate_ring *ring = NULL;
	char path[PATH_SIZE];
	ph_status status = name_file(directory, "", path, err);
	if (status == PH_OK)
		status = allocate(fs, &ring, err);
	if (status == PH_OK)
		status = open_file(ring, path, 0, err);
	if (status == PH_OK)
		status = check_head(ring, id, err);
	if (status == PH_OK)
		status = look_at_size(ring, err);
	if (status != PH_OK)
		ph_duplicate_ring_destroy(&ring);
	else
		*out = ring;
	return status;
}

void
ph_duplicate_ring_destroy(ph_duplicate_ring **ring_p)
{
	ph_duplicate_ring *ring = *ring_p;
	*ring_p = NULL;
	if (ring == NULL)
		return;
	if (ring->fd >= 0)
		(void) ring->fs->close(ring->fs->self, ring->fd);
	free(ring->memory);
	free(ring);
}

void
ph_duplicate_ring_remove(const ph_fs *fs, const char *directory)
{
	char path[PATH_SIZE];
	if (name_file(directory, "", path, NULL) == PH_OK)
		(void) fs->unlink(fs->self, path);
}

/* --- entries ---------------------------------------------------------------------------- */

ph_status
ph_duplicate_ring_room(ph_duplicate_ring *ring, uint64_t places, ph_error *err)
{
	if (places <= ring->places)
		return PH_OK;
	if (ring->fd < 0) {
		void *more =
		    realloc(ring->memory, (size_t) places * PH_DUPLICATE_ENTRY);
		if (more == NULL)
			return ph_fail(
			    err, PH_ERR_NOMEM, "no memory for the duplicate window");
		ring->memory = more;
	} else if (ring->fs->fallocate(ring->fs->self, ring->fd, offset_of(places)) !=
		   0) {
		int failed = errno;
		if (failed == ENOSPC || failed == EDQUOT)
			return ph_fail(err, PH_ERR_FULL,
			    "PH5371 no room for more than %llu entries of the "
			    "duplicate window",
			    (unsigned long long) ring->places);
		return ph_fail_errno(
		    err, failed, "PH5371 the duplicate window cannot grow");
	}
	ring->places = places;
	return PH_OK;
}

ph_status
ph_duplicate_ring_put(
    ph_duplicate_ring *ring, uint64_t place, const ph_seen *seen, ph_error *err)
{
	PH_ASSERT(place < ring->places);
	if (ring->fd < 0) {
		encode(ring, seen, ring->memory + place * PH_DUPLICATE_ENTRY);
		return PH_OK;
	}
	if (ring->gathered == GATHER ||
	    (ring->gathered > 0 && place != ring->first + ring->gathered)) {
		ph_status status = ph_duplicate_ring_write(ring, err);
		if (status != PH_OK)
			return status;
	}
	if (ring->gathered == 0)
		ring->first = place;
	encode(ring, seen, ring->gather + ring->gathered * PH_DUPLICATE_ENTRY);
	ring->gathered++;
	return PH_OK;
}

ph_status
ph_duplicate_ring_write(ph_duplicate_ring *ring, ph_error *err)
{
	if (ring->gathered == 0)
		return PH_OK;
	ph_status status = write_all(ring->fs, ring->fd, ring->gather,
	    ring->gathered * PH_DUPLICATE_ENTRY, offset_of(ring->first), err);
	if (status == PH_OK)
		ring->gathered = 0;
	return status;
}

size_t
ph_duplicate_ring_gathered(const ph_duplicate_ring *ring, uint64_t *first)
{
	*first = ring->first;
	return ring->gathered;
}

void
ph_duplicate_ring_drop(ph_duplicate_ring *ring)
{
	ring->gathered = 0;
}

/* The bytes of an entry if they are in memory, else NULL. */
static const uint8_t *
in_memory(const ph_duplicate_ring *ring, uint64_t place)
{
	if (ring->fd < 0)
		return ring->memory + place * PH_DUPLICATE_ENTRY;
	if (place >= ring->first && place - ring->first < ring->gathered)
		return ring->gather + (place - ring->first) * PH_DUPLICATE_ENTRY;
	return NULL;
}

ph_status
ph_duplicate_ring_get(
    ph_duplicate_ring *ring, uint64_t place, ph_seen *out, ph_error *err)
{
	uint8_t bytes[PH_DUPLICATE_ENTRY] = {0};
	PH_ASSERT(place < ring->places || ring->fd >= 0);
	const uint8_t *entry = in_memory(ring, place);
	if (entry != NULL)
		return decode(ring, entry, place, out, err);
	size_t got = 0;
	ph_status status =
	    read_some(ring, bytes, sizeof bytes, offset_of(place), &got, err);
	if (status == PH_OK)
		status = decode(ring, bytes, place, out, err);
	return status;
}

static ph_status
read_ahead(ph_duplicate_ring *ring, uint64_t place, uint64_t most, ph_error *err)
{
	size_t got = 0;
	if (ring->gathered > 0 && ring->first > place && ring->first - place < most)
		most = ring->first - place;
	if (most > GATHER)
		most = GATHER;
	ring->ahead = 0;
	ph_status status = read_some(ring, ring->read,
	    (size_t) most * PH_DUPLICATE_ENTRY, offset_of(place), &got, err);
	if (status != PH_OK)
		return status;
	ring->ahead_first = place;
	ring->ahead_at = 0;
	ring->ahead = got / PH_DUPLICATE_ENTRY;
	return PH_OK;
}

ph_status
ph_duplicate_ring_get_ahead(
    ph_duplicate_ring *ring, uint64_t place, uint64_t most, ph_seen *out, ph_error *err)
{
	PH_ASSERT(most > 0);
	const uint8_t *entry = in_memory(ring, place);
	if (entry != NULL)
		return decode(ring, entry, place, out, err);
	if (ring->ahead == 0 || place != ring->ahead_first) {
		if (read_ahead(ring, place, most, NULL) != PH_OK || ring->ahead == 0)
			return ph_duplicate_ring_get(ring, place, out, err);
	}
	/* What is given is gone: its place may be entered again. */
	entry = ring->read + ring->ahead_at;
	ring->ahead_at += PH_DUPLICATE_ENTRY;
	ring->ahead_first++;
	ring->ahead--;
	return decode(ring, entry, place, out, err);
}

size_t
ph_duplicate_ring_ahead(const ph_duplicate_ring *ring, const uint8_t **entries)
{
	*entries = ring->read + ring->ahead_at;
	return ring->ahead;
}

const uint8_t *
ph_duplicate_ring_id(const ph_duplicate_ring *ring)
{
	return ring->fd < 0 ? NULL : ring->id;
}

int
ph_duplicate_ring_fd(const ph_duplicate_ring *ring)
{
	return ring->fd;
}
