/* checkpoints - see checkpoints.h. */
#include "tests/crash/checkpoints.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "broker/checkpoint_file.h"
#include "lib/base/assert.h"

#define PATH 300
#define KEPT 2

static void
path_of(const char *root, uint64_t number, char out[PATH])
{
	snprintf(out, PATH, "%.200s/checkpoint/%010llu.checkpoint", root,
	    (unsigned long long) number);
}

bool
checkpoints_write(const ph_fs *fs, const char *root, uint64_t number, uint64_t place)
{
	ph_buffer image;
	char path[PATH];

	ph_buffer_init(&image, 1u << 20);
	snprintf(path, sizeof path, "%.200s/checkpoint", root);
	(void) mkdir(path, 0700);
	ph_checkpoint_image_begin(&image, number, 1);
	size_t section =
	    ph_checkpoint_section_begin(&image, PH_CHECKPOINT_PLACE, false);
	for (unsigned i = 0; i < 2000; i++) /* of several pages */
		ph_buffer_u64(&image, place);
	ph_checkpoint_section_end(&image, section);
	ph_checkpoint_image_seal(&image);
	PH_ASSERT(!image.failed);
	path_of(root, number, path);
	ph_status status =
	    ph_fs_replace(fs, path, image.data, image.length, 0600, NULL);
	ph_buffer_fini(&image);
	if (status == PH_OK && number > KEPT) {
		path_of(root, number - KEPT, path);
		(void) fs->unlink(fs->self, path);
	}
	return status == PH_OK;
}

/* Is this one whole? */
static bool
valid(const char *root, uint64_t number, uint64_t *place)
{
	ph_checkpoint_file file;
	size_t length;
	char path[PATH];
	char *bytes;

	path_of(root, number, path);
	if (ph_fs_slurp(path, 1u << 20, &bytes, &length, NULL) != PH_OK)
		return false;
	bool whole = ph_checkpoint_file_parse(bytes, length, &file, NULL) == PH_OK &&
		     file.number == number;
	if (whole) {
		const ph_checkpoint_section *section =
		    ph_checkpoint_file_find(&file, PH_CHECKPOINT_PLACE);
		ph_reader reader;

		PH_ASSERT(section != NULL);
		ph_reader_init(&reader, section->body, section->length);
		*place = ph_reader_u64(&reader);
	}
	free(bytes);
	return whole;
}

uint64_t
checkpoints_newest(const char *root, uint64_t most, uint64_t *place)
{
	while (most > 0 && !valid(root, most, place))
		most--;
	return most;
}
