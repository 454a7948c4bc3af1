/*
 * compiler: attributes that gcc and clang offer beyond the language.
 */
#ifndef COMPILER_H
#define COMPILER_H

/*
 * Marks a large local variable that is always written before it is read. All other locals are set to zeros first
 * (-ftrivial-auto-var-init); for a kilobyte that takes as long as looking up a secret in the cache.
 */
#if defined(__has_attribute)
#if __has_attribute(uninitialized)
#define NOT_ZEROED __attribute__((uninitialized))
#endif
#endif
#ifndef NOT_ZEROED
#define NOT_ZEROED
#endif

#endif
