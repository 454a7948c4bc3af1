/*
 * forked: notices that this process is a child of the one that a handle belongs to.
 */
#include "client-lib/forked.h"

#include <stdint.h>
#include <sys/mman.h>

/* Of one byte: the kernel makes whole pages of it. */
static void *wiped_in_children(void)
{
	void *page = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return NULL;
	/* Linux 4.14. Emulators that take any advice without following it take nonsense, too. */
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
