#include "master/steering.h"

#include <linux/filter.h>
#include <sys/socket.h>

int steering_attach(int fd, unsigned count)
{
    /* By chance: the packet's hash is 0 with some drivers, and would send all to the first. */
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)(SKF_AD_OFF + SKF_AD_RANDOM)),
        BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, count),
        BPF_STMT(BPF_RET | BPF_A, 0),
    };
    struct sock_fprog program = { sizeof(code) / sizeof(*code), code };

    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof(program));
}
