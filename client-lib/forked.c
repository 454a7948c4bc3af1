/*
 * forked: see the header.
 */
#include "client-lib/forked.h"

#include <stdint.h>
#include <sys/mman.h>

/* A page is the smallest unit, so one byte is enough to ask for. */
static void *wiped_in_children(void)
{
	void *page = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return NULL;
	/*
	 * MADV_WIPEONFORK exists since Linux 4.14. An emulator that accepts any advice and ignores it also accepts
	 * a number that means nothing, which is how such an emulator is found.
	 */
	if (madvise(page, 1, -1) != 0 && madvise(page, 1, MADV_WIPEONFORK) == 0)
		return page;
	munmap(page, 1);
	return NULL;
}

void forked_init(struct forked *f)
{
	f->here = wiped_in_children();
	forked_adopt(f);
}

void forked_free(struct forked *f)
{
	if (f->here == NULL)
		return;
	munmap((void *)(uintptr_t)f->here, 1);
	f->here = NULL;
}

void forked_adopt(struct forked *f)
{
	f->pid = getpid();
	if (f->here != NULL)
		*f->here = 1;
}
