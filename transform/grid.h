/*
 * grid - WGS84 latitude and longitude to the British National Grid (OSGB36) and back.
 *
 * Uses the OSTN15 grid where PROJ finds its file (within 0.1 m), else the seven-parameter
 * Helmert transformation (within 5 m); which one is told. Never anything coarser: outside 49 to 61.5
 * degrees north and 9 west to 2.1 east the answer is an error.
 *
 * Thread: any (one lock per grid). Errors: PH_ERR_INVALID outside the area; PH_ERR_IO if PROJ fails.
 */
#ifndef PH_GRID_H
#define PH_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <packhorse/error.h>

typedef struct ph_grid ph_grid;

ph_status ph_grid_new(ph_grid **out, ph_error *err);
void ph_grid_destroy(ph_grid **grid_p);
/* Is the accurate grid in use? */
bool ph_grid_is_exact(const ph_grid *grid);
ph_status ph_grid_forward(ph_grid *grid, double latitude, double longitude,
    double *easting, double *northing, ph_error *err);
ph_status ph_grid_back(ph_grid *grid, double easting, double northing, double *latitude,
    double *longitude, ph_error *err);

/* Texts of coordinates, without the locale: at most 15 significant digits are read. */
bool ph_coordinate_read(const char *text, size_t length, double *out);
/* With `decimals` digits (0 to 9) after the point; `trim` drops zeros at the end. */
void ph_coordinate_write(double value, unsigned decimals, bool trim, char out[32]);

#endif
