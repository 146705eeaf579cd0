"""What programs try to get out of a sandbox: each a few lines of Python, with `T` for what it is aimed at.

A program prints GOT when it thinks that it got something; what is asserted is what the host sees, and that no GOT was printed.
None does harm where it is not contained: clocks are set to what they show, modules are empty, machines are not restarted.
"""

from __future__ import annotations

HEAD = '''
import ctypes, errno, json, os, resource, signal, socket, struct, subprocess, sys, threading, time
from pathlib import Path
T = json.loads(sys.argv[1])
LIBC = ctypes.CDLL(None, use_errno=True)
def call(number, *args):
    """A system call; raises what it says."""
    found = LIBC.syscall(number, *args)
    if found < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return found
def attempt(what, *args, **more):
    """Try it, and say GOT with what it gave."""
    try:
        found = what(*args, **more)
    except (OSError, ValueError, MemoryError, subprocess.SubprocessError) as error:
        print("refused", type(error).__name__, error)
        return None
    print("GOT", repr(found)[:200])
    return found
def show(path):
    """Print what can be read there."""
    try:
        print("READ", Path(path).read_bytes()[:4000].decode(errors="replace"))
    except OSError as error:
        print("refused", error)
SECRET, OPEN = T["outside"] + "/secret", T["outside"] + "/open"
'''

READING = {
    "read-a-secret": "show(SECRET)",
    "read-up-and-out": "show('../' * 30 + SECRET[1:])",
    "read-the-shadow-file": "show('/etc/shadow')",
    "read-the-home": "attempt(os.listdir, T['home']); attempt(os.listdir, '/root'); attempt(os.listdir, '/home')",
    "read-by-the-root-of-a-process": "[show(f'/proc/{p}/root{SECRET}') for p in (1, 2, 'self', os.getppid(), T['victim'], T['parent'])]",
    "read-by-the-folder-of-a-process": "[show(f'/proc/{p}/cwd/secret') for p in (1, 'self', os.getppid(), T['victim'])]",
    "read-open-files-of-others": "[show(p) for p in Path('/proc').glob('[0-9]*/fd/*') if int(p.parts[2]) != os.getpid() and p.is_file()]",
    "read-environments-of-others": "[show(p) for p in Path('/proc').glob('[0-9]*/environ')]; show(f\"/proc/{T['victim']}/environ\")",
    "read-ones-own-environment": "print(dict(os.environ)); show('/proc/self/environ')",
    "read-memory-of-others": "[attempt(open, f'/proc/{p}/mem', 'rb') for p in (T['victim'], T['parent'])]",
    "read-memory-of-the-machine": "[attempt(open, p, 'rb') for p in ('/dev/mem', '/dev/kmem', '/dev/port', '/proc/kcore')]",
    "read-a-disk": "[attempt(open, p, 'rb') for p in ('/dev/sda', '/dev/vda', '/dev/nvme0n1', '/dev/loop0', '/dev/dm-0')]",
    "read-by-a-link": "os.symlink(SECRET, 'link'); show('link')",
    "read-by-a-linked-folder": "os.symlink(T['outside'], 'folder'); show('folder/secret')",
    "read-by-a-hard-link": "attempt(os.link, SECRET, 'hard'); show('hard')",
    "read-by-a-handle": "attempt(call, 303, -100, SECRET.encode(), ctypes.create_string_buffer(200), ctypes.byref(ctypes.c_int()), 0)",
    "read-the-messages-of-the-kernel": "attempt(call, 103, 3, ctypes.create_string_buffer(4096), 4096); attempt(open, '/dev/kmsg', 'rb')",
    "read-inherited-files": "[attempt(os.pread, n, 9, 0) for n in range(3, 256)]",
    "read-the-journal": "show(T['journal'])",
}

WRITING = {
    "write-outside": "attempt(Path(OPEN).write_text, 'x'); attempt(Path(T['outside'] + '/new').write_text, 'x')",
    "cut-a-file-outside": "attempt(os.truncate, OPEN, 0)",
    "change-a-mode-outside": "attempt(os.chmod, OPEN, 0o600); attempt(call, 452, -100, OPEN.encode(), 0o600, 0)",
    "change-a-time-outside": "\ntry: os.utime(OPEN, (1, 1))\nexcept OSError as error: print(error)",
    "change-an-attribute-outside": "attempt(os.setxattr, OPEN, 'user.x', b'1')",
    "rename-outside": "attempt(os.rename, OPEN, T['outside'] + '/moved'); attempt(os.rename, SECRET, 'mine')",
    "delete-outside": "attempt(os.unlink, OPEN); attempt(os.unlink, T['journal'])",
    "write-by-a-link": "os.unlink('a.txt'); os.symlink(OPEN, 'a.txt'); attempt(Path('a.txt').write_text, 'x')",
    "write-by-the-root-of-a-process": "[attempt(Path(f'/proc/{p}/root{OPEN}').write_text, 'x') for p in ('self', 1, T['victim'])]",
    "write-the-base-itself": "attempt(Path(T['base'] + '/a.txt').write_text, 'x'); attempt(os.unlink, T['base'] + '/a.txt')",
    "write-the-journal": """
import sqlite3
def spoil():
    with sqlite3.connect(T['journal'], timeout=1) as db:
        db.execute('delete from entries')
try: spoil(); print('GOT')
except sqlite3.Error as error: print(error)
""",
    "write-beside-the-journal": "attempt(Path(T['journal'] + '-wal').write_bytes, b'x'); attempt(Path(T['journal'] + '-journal').write_bytes, b'x')",
    "write-programs": "attempt(Path('/usr/bin/' + T['mark']).write_text, 'x'); attempt(Path('/usr/bin/true').write_text, 'x')",
    "write-settings": "\nfor p in ('/etc/passwd', '/etc/ld.so.preload', '/etc/ld.so.cache'): attempt(open, p, 'ab')",
    "write-temporary-files-of-the-host": "\ntry: Path('/tmp/' + T['mark']).write_text('x')\nexcept OSError as error: print(error)",
    "write-switches-of-the-kernel": "\nfor p in ('kernel/hostname', 'kernel/core_pattern', 'vm/overcommit_memory', 'kernel/modprobe'): attempt(Path('/proc/sys', p).write_text, T['mark'])\nattempt(Path('/proc/sysrq-trigger').write_text, 'h')",
    "write-control-groups": "\nfor p in Path('/sys/fs').glob('cgroup/*/cgroup.procs'): attempt(p.write_text, str(os.getpid()))",
    "write-inherited-files": "[attempt(os.pwrite, n, b'x', 0) for n in range(3, 256)]",
    "write-memory-of-others": "[attempt(open, f'/proc/{p}/mem', 'r+b') for p in (T['victim'], T['parent'])]",
    "make-a-device": "[attempt(os.mknod, 'device', 0o20666, os.makedev(1, 1)), attempt(os.mknod, 'disk', 0o60666, os.makedev(254, 0))]",
    "write-into-the-terminal": "\nimport fcntl\nfor n in (0, 1, 2): attempt(fcntl.ioctl, n, 0x5412, b'x')\nattempt(open, '/dev/tty', 'w')",
}

KERNEL = {
    "mount": "attempt(call, 165, b'none', T['outside'].encode(), b'tmpfs', 0, 0); attempt(call, 165, b'none', b'/tmp', b'tmpfs', 0, 0)",
    "remount": "attempt(call, 165, 0, b'/', 0, 32, 0); attempt(call, 165, 0, b'/usr', 0, 32, 0)",
    "bind": "attempt(call, 165, b'/usr', b'/tmp', 0, 4096, 0)",
    "unmount": "[attempt(call, 166, p, 2) for p in (b'/proc', b'/tmp', b'/usr', b'/')]",
    "new-mount-calls": "attempt(call, 428, -100, b'/', 1); attempt(call, 430, b'tmpfs', 0); attempt(call, 442, -100, b'/', 0, ctypes.create_string_buffer(32), 32)",
    "chroot": "attempt(os.chroot, '.'); attempt(call, 155, b'.', b'.')",
    "unshare-users": "attempt(call, 272, 0x10000000)",
    "unshare-mounts": "attempt(call, 272, 0x20000)",
    "clone-users": "attempt(call, 56, 0x10000000 | 17, 0, 0, 0, 0)",
    "clone3": "attempt(call, 435, ctypes.create_string_buffer(struct.pack('Q', 0x10000000) + bytes(80)), 88)",
    "enter-namespaces": "\nfor p in (1, T['victim'], T['parent']):\n  for n in ('mnt', 'net', 'user', 'pid'):\n    try: fd = os.open(f'/proc/{p}/ns/{n}', os.O_RDONLY)\n    except OSError: continue\n    attempt(call, 308, fd, 0)",
    "be-root": "[attempt(os.setuid, 0), attempt(os.setresuid, 0, 0, 0), attempt(os.setgid, 0), attempt(os.setgroups, [0])]",
    "gain-capabilities": "attempt(call, 126, struct.pack('Ii', 0x20080522, 0), struct.pack('6I', 1 << 21, 1 << 21, 0, 0, 0, 0))",
    "run-setuid-programs": "\nfor p in ('/usr/bin/su', '/usr/bin/mount', '/usr/bin/newgrp', '/usr/bin/passwd'):\n  if Path(p).exists(): print(subprocess.run([p], capture_output=True, stdin=subprocess.DEVNULL).returncode)\ntry: status = [line.split()[1] for line in open('/proc/self/status') if line.startswith('NoNewPrivs')]\nexcept OSError: status = []\nassert status in ([], ['1']), status",
    "keys": "attempt(call, 250, 0, -3, 1); attempt(call, 248, b'user', b'x', b'x', 1, -3)",
    "bpf": "attempt(call, 321, 0, ctypes.create_string_buffer(128), 128)",
    "io-uring": "attempt(call, 425, 8, ctypes.create_string_buffer(120))",
    "performance-events": "attempt(call, 298, ctypes.create_string_buffer(struct.pack('II', 1, 120) + bytes(120)), 0, -1, -1, 0)",
    "userfaults": "attempt(call, 323, 0); attempt(call, 323, 1)",
    "modules": "attempt(call, 175, b'', 0, b''); attempt(call, 313, 0, b'', 0); attempt(call, 176, b'nothing', 0)",
    "another-kernel": "attempt(call, 246, 0, 0, 0, 0)",
    "restart": "attempt(call, 169, 0, 0, 0, 0)",
    "set-the-clock": "attempt(time.clock_settime, time.CLOCK_REALTIME, time.time()); attempt(call, 164, 0, 0); attempt(call, 159, ctypes.create_string_buffer(400))",
    "name-the-machine": "attempt(socket.sethostname, T['mark']); attempt(call, 171, b'x', 1)",
    "swap": "attempt(call, 167, b'a.txt', 0)",
    "personality": "attempt(call, 135, 0x0040000)",
    "calls-of-another-machine": "\npid = os.fork()\nif not pid:\n  call(0x40000000 + 39)\n  os._exit(0)\nprint('GOT' if os.waitpid(pid, 0)[1] == 0 else 'refused')",
    "calls-nobody-knows": "attempt(call, 480); attempt(call, 600)",
    "watch-everything": "attempt(call, 300, 0, 0)",
    "quotas": "attempt(call, 179, 0x800001 << 8, b'/', 0, 0)",
}

PROCESSES = {
    "signal-others": "[attempt(os.kill, p, signal.SIGKILL) for p in (T['victim'], T['parent'])]",
    "signal-the-parent": "\nif os.getppid() > 1:\n  try: os.kill(os.getppid(), signal.SIGKILL)\n  except OSError as error: print(error)\ntime.sleep(.2)",
    "signal-everybody": "\ntry: os.kill(-1, signal.SIGKILL)\nexcept OSError as error: print(error)\ntime.sleep(.1)",
    "signal-by-descriptor": "attempt(lambda: signal.pidfd_send_signal(os.pidfd_open(T['victim']), signal.SIGKILL))",
    "trace-others": "[attempt(call, 101, 16, p, 0, 0) for p in (T['victim'], T['parent'], os.getppid())]",
    "trace-ones-own": "attempt(call, 101, 0, 0, 0, 0)",
    "read-memory-by-call": "attempt(call, 310, T['victim'], ctypes.create_string_buffer(16), 1, ctypes.create_string_buffer(16), 1, 0)",
    "take-a-descriptor": "attempt(call, 438, 3, 0, 0)",
    "limit-others": "attempt(resource.prlimit, T['victim'], resource.RLIMIT_NOFILE, (3, 3))",
    "slow-others": "attempt(os.setpriority, os.PRIO_PROCESS, T['victim'], 19); attempt(os.sched_setaffinity, T['victim'], {0})",
    "raise-ones-limits": "[attempt(resource.setrlimit, n, (resource.RLIM_INFINITY,) * 2) for n in (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC)]",
    "be-first": "attempt(os.setpriority, os.PRIO_PROCESS, 0, -20)",
}

NETWORK = {
    "tcp": "attempt(socket.create_connection, ('127.0.0.1', T['tcp']), 1)",
    "tcp-six": "attempt(lambda: socket.socket(10).connect(('::1', T['six'])))",
    "udp": "\ntry: socket.socket(2, 2).sendto(b'x', ('127.0.0.1', T['udp']))\nexcept OSError as error: print(error)",
    "listen": "attempt(lambda: socket.socket(2).bind(('0.0.0.0', 0)))",
    "names": "attempt(socket.getaddrinfo, 'example.com', 80)",
    "ping": "attempt(socket.socket, 2, socket.SOCK_RAW, 1); attempt(socket.socket, 2, socket.SOCK_DGRAM, 1)",
    "packets": "attempt(socket.socket, 17, socket.SOCK_RAW, 3)",
    "netlink": "attempt(socket.socket, 16, socket.SOCK_RAW)",
    "vsock": "attempt(socket.socket, 40, socket.SOCK_STREAM)",
    "crypto": "attempt(socket.socket, 38, socket.SOCK_SEQPACKET)",
    "every-other-family": "[attempt(socket.socket, f, k) for f in range(2, 47) for k in (1, 2, 3, 5)]",
    "pairs-of-other-families": "attempt(call, 53, 2, 1, 0, ctypes.create_string_buffer(8)); attempt(call, 53, 30, 1, 0, ctypes.create_string_buffer(8))",
    "abstract-socket-of-the-host": "attempt(lambda: socket.socket(socket.AF_UNIX).connect('\\0' + T['mark']))",
    "socket-file-of-the-host": "attempt(lambda: socket.socket(socket.AF_UNIX).connect(T['outside'] + '/socket'))",
}

ALL = READING | WRITING | KERNEL | PROCESSES | NETWORK
