/*
 * compiler: what is asked of the compiler beyond the language.
 */
#ifndef COMPILER_H
#define COMPILER_H

/*
 * A large local that is always written before it is read: it is not set to zeros first, as all others are
 * (-ftrivial-auto-var-init), which for a kilobyte takes as long as looking up a secret.
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
