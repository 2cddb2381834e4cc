/* journal_fixture - see journal_fixture.h. */
#include "tests/unit/journal_fixture.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/record.h"
#include "lib/base/assert.h"

void
fixture_init(fixture *self)
{
	const char *where = getenv("TMPDIR");

	self->thread = self->overlap = false;
	snprintf(self->root, sizeof self->root, "%.90s/ph-journal-XXXXXX",
	    where != NULL ? where : "/tmp");
	PH_ASSERT(mkdtemp(self->root) != NULL);
	snprintf(self->directory, sizeof self->directory, "%s/journal", self->root);
	snprintf(self->aside, sizeof self->aside, "%s/aside", self->root);
	PH_ASSERT(mkdir(self->aside, 0700) == 0);
}

static int
remove_one(const char *path, const struct stat *about, int type, struct FTW *where)
{
	(void) about;
	(void) type;
	(void) where;
	return remove(path);
}

void
fixture_fini(fixture *self)
{
	nftw(self->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static int
no_sync(void *self, int fd)
{
	(void) self;
	(void) fd;
	return 0;
}

const ph_fs *
fixture_quick_fs(void)
{
	static ph_fs quick;

	quick = *ph_fs_system();
	quick.fdatasync = no_sync;
	quick.fsync = no_sync;
	return &quick;
}

ph_status
fixture_open(const fixture *self, const ph_fs *fs, ph_store **out,
    ph_journal_report *report, ph_error *err)
{
	const ph_journal_config config = {
	    .directory = self->directory,
	    .segment_bytes = 1u << 20,
	    .thread = self->thread,
	    .overlap = self->overlap,
	    .fs = fs != NULL ? fs : fixture_quick_fs(),
	};

	return ph_journal_open(&config, out, report, err);
}

void
fixture_path(const fixture *self, const char *name, char out[256])
{
	snprintf(out, 256, "%s/%.60s", self->directory, name);
}

void
fixture_break_lock(const fixture *self)
{
	char path[256];
	struct stat lock;

	fixture_path(self, "lock", path);
	if (stat(path, &lock) != 0)
		return;
	for (int fd = 3; fd < 256; fd++) {
		struct stat about;

		if (fstat(fd, &about) == 0 && about.st_ino == lock.st_ino &&
		    about.st_dev == lock.st_dev)
			close(fd);
	}
	unlink(path);
}

size_t
fixture_length(uint64_t id)
{
	uint64_t mixed = id * 0x9e3779b97f4a7c15u;

	if (id % 40 == 39)
		return 8 + (size_t) (mixed >> 40) % (FIXTURE_BODY_MAX - 8);
	return 8 + (size_t) (mixed >> 40) % 120;
}

void
fixture_body(uint64_t id, uint8_t *out)
{
	uint64_t state = id * 2 + 1;
	size_t length = fixture_length(id);

	memcpy(out, &id, sizeof id);
	for (size_t i = sizeof id; i < length; i += sizeof id) {
		uint64_t word = fake_random(&state, UINT64_MAX);
		size_t part = length - i < sizeof word ? length - i : sizeof word;

		memcpy(out + i, &word, part);
	}
}

ph_status
fixture_submit(ph_store *store, uint64_t id, ph_store_need need, ph_position *position,
    ph_error *err)
{
	static uint8_t body[FIXTURE_BODY_MAX];
	size_t length = fixture_length(id);
	size_t half = length / 2;

	fixture_body(id, body);
	const ph_store_part parts[] = {{body, half}, {body + half, length - half}};
	return ph_store_submit(store, PH_RECORD_ACCEPT, need, parts, 2, position, err);
}

uint64_t
fixture_id(const ph_store_record *record)
{
	static uint8_t body[FIXTURE_BODY_MAX];
	uint64_t id;

	if (record->length < sizeof id || record->type != PH_RECORD_ACCEPT)
		return 0;
	memcpy(&id, record->body, sizeof id);
	if (fixture_length(id) != record->length)
		return 0;
	fixture_body(id, body);
	return memcmp(body, record->body, record->length) == 0 ? id : 0;
}

size_t
fixture_read_all(ph_store *store, uint64_t *ids, size_t max, ph_status *status)
{
	ph_store_reader *reader;
	ph_store_record record;
	size_t count = 0;

	*status = ph_store_reader_new(store, (ph_position){0}, 0, &reader, NULL);
	if (*status != PH_OK)
		return 0;
	while (count < max &&
	       (*status = ph_store_reader_next(reader, &record, NULL)) == PH_OK)
		ids[count++] = fixture_id(&record);
	ph_store_reader_destroy(&reader);
	return count;
}

size_t
fixture_load(const char *path, uint8_t **bytes)
{
	FILE *file = fopen(path, "rb");
	struct stat about;

	PH_ASSERT(file != NULL && fstat(fileno(file), &about) == 0);
	*bytes = calloc(1, (size_t) about.st_size + 1);
	PH_ASSERT(*bytes != NULL);
	size_t got = fread(*bytes, 1, (size_t) about.st_size, file);
	fclose(file);
	return got;
}

void
fixture_save(const char *path, const uint8_t *bytes, size_t length, size_t file_size)
{
	FILE *file = fopen(path, "wb");

	PH_ASSERT(file != NULL);
	PH_ASSERT(fwrite(bytes, 1, length, file) == length);
	PH_ASSERT(fflush(file) == 0 && ftruncate(fileno(file), (off_t) file_size) == 0);
	fclose(file);
}
