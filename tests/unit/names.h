/*
 * names: secrets' names for tests. The same mount and path give the same name, which lasts as long as the program.
 */
#ifndef NAMES_H
#define NAMES_H

#include "proto/secret_name.h"

const struct secret_name *name_of(const char *mount, const char *path);

#endif
