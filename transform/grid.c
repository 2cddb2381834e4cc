/*
 * grid - two PROJ pipelines written out, so that PROJ never chooses one by itself.
 *
 * The Helmert parameters are those of EPSG transformation 1314 (OSGB36 to WGS 84), the projection
 * that of EPSG 27700. A pipeline that names the grid cannot be made where its file is missing: that
 * is how we know.
 */
#include "transform/grid.h"

#include <math.h>
#include <proj.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transform/schema.h"

#define PROJECTION                                                                     \
	"+step +proj=tmerc +lat_0=49 +lon_0=-2 +k=0.9996012717 +x_0=400000 "           \
	"+y_0=-100000 +ellps=airy "

static const char exact_pipeline[] =
    "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad "
    "+step +inv +proj=hgridshift +grids=uk_os_OSTN15_NTv2_OSGBtoETRS.tif " PROJECTION;

static const char helmert_pipeline[] =
    "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad "
    "+step +proj=push +v_3 +step +proj=cart +ellps=WGS84 "
    "+step +inv +proj=helmert +x=446.448 +y=-125.157 +z=542.06 +rx=0.15 +ry=0.247 "
    "+rz=0.842 +s=-20.489 +convention=position_vector "
    "+step +inv +proj=cart +ellps=airy +step +proj=pop +v_3 " PROJECTION;

struct ph_grid {
	pthread_mutex_t lock; /* PROJ objects are for one thread at a time */
	PJ_CONTEXT *context;
	PJ *pipeline;
	bool exact;
};

static void
silent(void *self, int level, const char *text)
{
	(void) self;
	(void) level;
	(void) text;
}

ph_status
ph_grid_new(ph_grid **out, ph_error *err)
{
	ph_grid *grid = calloc(1, sizeof(*grid));
	if (grid == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	pthread_mutex_init(&grid->lock, NULL);
	grid->context = proj_context_create();
	if (grid->context != NULL) {
		proj_log_func(grid->context, NULL, silent);
		proj_context_set_enable_network(grid->context, 0);
		grid->pipeline = proj_create(grid->context, exact_pipeline);
		grid->exact = grid->pipeline != NULL;
		if (!grid->exact)
			grid->pipeline = proj_create(grid->context, helmert_pipeline);
	}
	if (grid->pipeline == NULL) {
		ph_grid_destroy(&grid);
		return ph_fail(err, PH_ERR_IO,
		    "PROJ cannot make the British National Grid (is its proj.db "
		    "installed?)");
	}
	*out = grid;
	return PH_OK;
}

void
ph_grid_destroy(ph_grid **grid_p)
{
	ph_grid *grid = *grid_p;
	if (grid == NULL)
		return;
	proj_destroy(grid->pipeline);
	if (grid->context != NULL)
		proj_context_destroy(grid->context);
	pthread_mutex_destroy(&grid->lock);
	free(grid);
	*grid_p = NULL;
}

bool
ph_grid_is_exact(const ph_grid *grid)
{
	return grid->exact;
}

static bool
inside(double latitude, double longitude)
{
	return latitude >= 49.0 && latitude <= 61.5 && longitude >= -9.0 &&
	       longitude <= 2.1;
}

static ph_status
outside(ph_error *err)
{
	return ph_fail(err, PH_ERR_INVALID,
	    "the place is outside the area of the British National Grid");
}

static bool
transform(ph_grid *grid, PJ_DIRECTION direction, double x, double y, PJ_COORD *out)
{
	pthread_mutex_lock(&grid->lock);
	*out = proj_trans(grid->pipeline, direction, proj_coord(x, y, 0, 0));
	pthread_mutex_unlock(&grid->lock);
	return isfinite(out->xy.x) && isfinite(out->xy.y);
}

ph_status
ph_grid_forward(ph_grid *grid, double latitude, double longitude, double *easting,
    double *northing, ph_error *err)
{
	PJ_COORD there;
	if (!inside(latitude, longitude) ||
	    !transform(grid, PJ_FWD, longitude, latitude, &there))
		return outside(err);
	*easting = there.xy.x;
	*northing = there.xy.y;
	return PH_OK;
}

ph_status
ph_grid_back(ph_grid *grid, double easting, double northing, double *latitude,
    double *longitude, ph_error *err)
{
	PJ_COORD there;
	if (!transform(grid, PJ_INV, easting, northing, &there) ||
	    !inside(there.xy.y, there.xy.x))
		return outside(err);
	*longitude = there.xy.x;
	*latitude = there.xy.y;
	return PH_OK;
}

bool
ph_coordinate_read(const char *text, size_t length, double *out)
{
	enum { DIGITS = 15 };
	if (!ph_number_valid(text, length) || memchr(text, 'e', length) != NULL ||
	    memchr(text, 'E', length) != NULL)
		return false;
	bool minus = text[0] == '-', fraction = false;
	int64_t digits = 0;
	int count = 0, power = 0;
	for (size_t i = minus ? 1 : 0; i < length; i++) {
		if (text[i] == '.') {
			fraction = true;
			continue;
		}
		if (count < DIGITS) {
			digits = digits * 10 + (text[i] - '0');
			count += digits > 0;
			power -= fraction;
		} else if (!fraction) {
			return false;
		}
		if (power < -18)
			break;
	}
	/* Both are exact in a double, so their quotient is rounded once. */
	double scale = 1;
	for (; power < 0; power++)
		scale *= 10;
	*out = (double) digits / scale * (minus ? -1 : 1);
	return true;
}

void
ph_coordinate_write(double value, unsigned decimals, bool trim, char out[32])
{
	int64_t scale = 1;
	for (unsigned i = 0; i < decimals; i++)
		scale *= 10;
	long long fixed = llround(value * (double) scale);
	unsigned long long size =
	    fixed < 0 ? (unsigned long long) -fixed : (unsigned long long) fixed;
	if (decimals == 0)
		snprintf(out, 32, "%s%llu", fixed < 0 ? "-" : "", size);
	else
		snprintf(out, 32, "%s%llu.%0*llu", fixed < 0 ? "-" : "",
		    size / (unsigned long long) scale, (int) decimals,
		    size % (unsigned long long) scale);
	if (!trim || decimals == 0)
		return;
	size_t length = strlen(out);
	while (out[length - 1] == '0')
		out[--length] = 0;
	if (out[length - 1] == '.')
		out[length - 1] = 0;
}
