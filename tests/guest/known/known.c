// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Classic bottlenecks of kernels, in a module, to see whether the tracer names
 * them: "PATTERN" written to /dev/known runs it once on the writer's cpu,
 * "PATTERN fixed" its repaired twin.  Nothing here is shared but what the
 * pattern is about.
 *
 *   pattern  what is shared                          repaired
 *   list     a list under one spin lock              a list and a lock per cpu
 *   refs     an object's reference count             percpu_ref
 *   config   a limit, all but constant, that lies    the counter on a line of
 *            beside a counter that all increment     its own, one per cpu
 *   mutex    one mutex around everything             a mutex per cpu
 *   array    counters per cpu, without padding       with padding
 */
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/percpu-refcount.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>

/* Objects whose type is the name of their cache; blocks of kmalloc have theirs from the code. */
static struct kmem_cache *object_cache, *config_cache, *counts_cache;

/* ---- list: static data ---- */

struct known_item {
	struct list_head link;
} ____cacheline_aligned_in_smp;		/* else items of two cpus lie on a line */

struct known_list {
	spinlock_t lock;
	struct list_head head;
	long length;
} ____cacheline_aligned_in_smp;

static struct known_list known_list;
static DEFINE_PER_CPU_ALIGNED(struct known_list, known_percpu_list);

static void list_move_one(struct known_list *list)
{
	struct known_item *item;

	spin_lock(&list->lock);
	item = list_first_entry(&list->head, struct known_item, link);
	list_move_tail(&item->link, &list->head);
	list->length++;
	spin_unlock(&list->lock);
}

static void run_list(bool fixed)
{
	list_move_one(fixed ? get_cpu_ptr(&known_percpu_list) : &known_list);
	if (fixed)
		put_cpu_ptr(&known_percpu_list);
}

/* ---- refs: an object of a cache of its own ---- */

struct known_object {
	long id;
	atomic_t refs;
	struct percpu_ref percpu_refs;
} ____cacheline_aligned_in_smp;

static struct known_object *known_object;

static void run_refs(bool fixed)
{
	if (fixed) {
		percpu_ref_get(&known_object->percpu_refs);
		percpu_ref_put(&known_object->percpu_refs);
	} else {
		atomic_inc(&known_object->refs);
		atomic_dec(&known_object->refs);
	}
}

/* ---- config: mostly read, and not quite ---- */

struct known_config {
	long limit;			/* read by all, written by nobody */
	atomic_long_t hits;		/* written by all */
} ____cacheline_aligned_in_smp;

/* The twin: nobody else's line. */
struct known_config_fixed {
	long limit;
	struct {
		long hits;
	} ____cacheline_aligned_in_smp cpu[];
};

static struct known_config *known_config;
static struct known_config_fixed *known_config_fixed;

static void run_config(bool fixed)
{
	if (!fixed) {
		if (READ_ONCE(known_config->limit))
			atomic_long_inc(&known_config->hits);
	} else if (READ_ONCE(known_config_fixed->limit)) {
		known_config_fixed->cpu[get_cpu()].hits++;
		put_cpu();
	}
}

/* ---- mutex: static data ---- */

struct known_door {
	struct mutex mutex;
	long passed;
} ____cacheline_aligned_in_smp;

static struct known_door known_door;
static DEFINE_PER_CPU_ALIGNED(struct known_door, known_percpu_door);

static void run_mutex(bool fixed)
{
	/* A mutex sleeps: a pointer to this cpu's, and no promise to stay. */
	struct known_door *door = fixed ? raw_cpu_ptr(&known_percpu_door) : &known_door;

	mutex_lock(&door->mutex);
	door->passed++;
	mutex_unlock(&door->mutex);
}

/* ---- array: false sharing and nothing else ---- */

struct known_counts {
	long count[NR_CPUS];
} ____cacheline_aligned_in_smp;

struct known_counts_fixed {
	struct {
		long count;
	} ____cacheline_aligned_in_smp cpu[NR_CPUS];
};

static struct known_counts *known_counts;
static struct known_counts_fixed *known_counts_fixed;

static void run_array(bool fixed)
{
	int cpu = get_cpu();

	if (fixed)
		known_counts_fixed->cpu[cpu].count++;
	else
		known_counts->count[cpu]++;
	put_cpu();
}

/* ---- the device ---- */

static const struct pattern {
	const char *name;
	void (*run)(bool fixed);
} patterns[] = {
	{ "list", run_list },
	{ "refs", run_refs },
	{ "config", run_config },
	{ "mutex", run_mutex },
	{ "array", run_array },
};

static ssize_t known_write(struct file *file, const char __user *text, size_t n, loff_t *pos)
{
	char word[32] = "";
	char *space;
	size_t i;

	if (n >= sizeof(word))
		return -EINVAL;
	if (copy_from_user(word, text, n))
		return -EFAULT;
	space = strchr(word, ' ');
	if (space)
		*space = 0;
	if (space && strcmp(space + 1, "fixed"))
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(patterns); i++) {
		if (!strcmp(word, patterns[i].name)) {
			patterns[i].run(space);
			return n;
		}
	}
	return -EINVAL;
}

static const struct file_operations known_operations = {
	.owner = THIS_MODULE,
	.write = known_write,
};

static struct miscdevice known_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "known",
	.fops = &known_operations,
};

/* ---- life ---- */

/*
 * kmalloc is always inlined, so that its call site, and with it the type of the
 * block, is here; gcc makes kzalloc a function in code that runs once.
 */
#define ZEROED (GFP_KERNEL | __GFP_ZERO)

static void list_free(struct known_list *list)
{
	struct known_item *item, *next;

	if (!list->head.next)
		return;
	list_for_each_entry_safe(item, next, &list->head, link)
		kfree(item);
}

static int list_fill(struct known_list *list)
{
	int i;

	spin_lock_init(&list->lock);
	INIT_LIST_HEAD(&list->head);
	for (i = 0; i < 8; i++) {
		struct known_item *item = kmalloc(sizeof(*item), ZEROED);

		if (!item)
			return -ENOMEM;
		list_add(&item->link, &list->head);
	}
	return 0;
}

static void refs_released(struct percpu_ref *ref)
{
}

static void known_free(void)
{
	int cpu;

	list_free(&known_list);
	for_each_possible_cpu(cpu)
		list_free(per_cpu_ptr(&known_percpu_list, cpu));
	if (known_object) {
		percpu_ref_exit(&known_object->percpu_refs);
		kmem_cache_free(object_cache, known_object);
	}
	if (known_config)
		kmem_cache_free(config_cache, known_config);
	if (known_counts)
		kmem_cache_free(counts_cache, known_counts);
	kmem_cache_destroy(object_cache);
	kmem_cache_destroy(config_cache);
	kmem_cache_destroy(counts_cache);
	kfree(known_config_fixed);
	kfree(known_counts_fixed);
}

static int alloc_objects(void)
{
	object_cache = KMEM_CACHE(known_object, 0);
	config_cache = KMEM_CACHE(known_config, 0);
	counts_cache = KMEM_CACHE(known_counts, 0);
	if (!object_cache || !config_cache || !counts_cache)
		return -ENOMEM;
	known_object = kmem_cache_zalloc(object_cache, GFP_KERNEL);
	known_config = kmem_cache_zalloc(config_cache, GFP_KERNEL);
	known_counts = kmem_cache_zalloc(counts_cache, GFP_KERNEL);
	known_config_fixed = kmalloc(struct_size(known_config_fixed, cpu, nr_cpu_ids), ZEROED);
	known_counts_fixed = kmalloc(sizeof(*known_counts_fixed), ZEROED);
	if (!known_object || !known_config || !known_counts || !known_config_fixed ||
	    !known_counts_fixed)
		return -ENOMEM;
	known_config->limit = known_config_fixed->limit = 1;
	return percpu_ref_init(&known_object->percpu_refs, refs_released, 0, GFP_KERNEL);
}

static int known_alloc(void)
{
	int cpu, status = list_fill(&known_list);

	mutex_init(&known_door.mutex);
	for_each_possible_cpu(cpu) {
		status = status ?: list_fill(per_cpu_ptr(&known_percpu_list, cpu));
		mutex_init(&per_cpu_ptr(&known_percpu_door, cpu)->mutex);
	}
	return status ?: alloc_objects();
}

static int __init known_init(void)
{
	int status = known_alloc();

	if (!status)
		status = misc_register(&known_device);
	if (status)
		known_free();
	return status;
}

static void __exit known_exit(void)
{
	misc_deregister(&known_device);
	known_free();
}

module_init(known_init);
module_exit(known_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("classic sharing patterns, to test the tracer");
