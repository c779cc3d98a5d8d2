/*
 * PID 1 of the lab's initial ramdisk: inserts every module of /modules in the order of their names,
 * mounts the root disk and becomes its /sbin/init. A failure here ends in a kernel panic, which ends
 * the virtual machine (panic=-1 with -no-reboot), so the host notices.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ROOT_DISK "/dev/vda"
#define ROOT_TRIES 1500
#define ROOT_PAUSE_US 20000

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void insert_modules(void)
{
    struct dirent **names;
    int count = scandir("/modules", &names, visible, alphasort);
    for (int i = 0; i < count; i++) {
        char path[512];
        snprintf(path, sizeof path, "/modules/%s", names[i]->d_name);
        int file = open(path, O_RDONLY | O_CLOEXEC);
        if (file < 0 || syscall(SYS_finit_module, file, "", 0) != 0)
            perror(path);
        close(file);
    }
}

/* The disk appears a moment after its driver; ext4 replays its journal during the mount. */
static void mount_root(void)
{
    for (int tries = 0; tries < ROOT_TRIES; tries++) {
        if (mount(ROOT_DISK, "/root", "ext4", MS_NOATIME, "") == 0)
            return;
        usleep(ROOT_PAUSE_US);
    }
    die("cannot mount " ROOT_DISK);
}

static void hand_over(const char *from, const char *to)
{
    if (mount(from, to, NULL, MS_MOVE, NULL) != 0)
        die(to);
}

int main(void)
{
    mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
    mount("proc", "/proc", "proc", 0, NULL);
    mount("sysfs", "/sys", "sysfs", 0, NULL);
    int console = open("/dev/console", O_RDWR);
    for (int fd = 0; console >= 0 && fd < 3; fd++)
        dup2(console, fd);

    insert_modules();
    mount_root();
    hand_over("/dev", "/root/dev");
    hand_over("/proc", "/root/proc");
    hand_over("/sys", "/root/sys");
    if (chdir("/root") != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0)
        die("cannot switch to the root disk");

    char *argv[] = {"/sbin/init", NULL};
    char *envp[] = {"HOME=/", "TERM=linux", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
    execve(argv[0], argv, envp);
    die(argv[0]);
}
