/*
 * nearest: for guessing which name was meant.
 */
#ifndef NEAREST_H
#define NEAREST_H

/* In how many letters two names differ (Levenshtein); 99 if either is longer than 31 bytes. */
unsigned nearest_distance(const char *a, const char *b);

#endif
