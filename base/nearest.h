/*
 * nearest: tells how much two names differ, to guess which one was meant.
 */
#ifndef NEAREST_H
#define NEAREST_H

/* Gives in how many bytes two names differ (Levenshtein distance); 99 if either is longer than 31 bytes. */
unsigned nearest_distance(const char *a, const char *b);

#endif
