// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files in the address spaces of processes, for the names of user code.  The
 * kernel tells perf of each new mapping in one function; no tracepoint is there.
 */
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/mmap_lock.h>

#include "hooks.h"

static void tell_map(const struct vm_area_struct *vma, u32 process)
{
	char buffer[MTRACE_PATH];
	const char *path = d_path(&vma->vm_file->f_path, buffer, sizeof(buffer));

	if (!IS_ERR(path))
		mtrace_map(MT_map_op_map, vma->vm_start, vma->vm_end - vma->vm_start,
			   (u64)vma->vm_pgoff << PAGE_SHIFT, process, path, "");
}

/* All files that a process has mapped; none if its address space is just being changed. */
void maps_tell(struct task_struct *task)
{
	struct mm_struct *mm = task->mm;
	struct vm_area_struct *vma;

	if (!mm || task->flags & PF_KTHREAD || !mmap_read_trylock(mm))
		return;
	VMA_ITERATOR(areas, mm, 0);
	for_each_vma(areas, vma)
		if (vma->vm_file)
			tell_map(vma, task_process(task));
	mmap_read_unlock(mm);
}

static int on_map(struct kprobe *kprobe, struct pt_regs *regs)
{
	const struct vm_area_struct *vma = (const struct vm_area_struct *)regs->di;

	if (hooks_on && vma->vm_file)
		tell_map(vma, task_process(current));
	return 0;
}

/* Another program: of the old one nothing is mapped any more, of the new one nothing yet. */
static int on_new_program(struct kprobe *kprobe, struct pt_regs *regs)
{
	if (hooks_on)
		mtrace_map(MT_map_op_unmap, 0, TASK_SIZE_MAX, 0, task_process(current), "", "");
	return 0;
}

struct kprobe_hook map_kprobes[] = {
	KPROBE_HOOK(perf_event_mmap, on_map, NULL),
	KPROBE_HOOK(setup_new_exec, on_new_program, NULL),
	{ }
};
