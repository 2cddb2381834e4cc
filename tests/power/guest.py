"""The guest: an initramfs with the broker and the load in it, and QEMU to run it.

The initramfs is a newc archive written here: busybox, the programs with their shared libraries, the
site, and tests/power/init as its first process. QEMU emulates (no KVM is asked for); the kernel is Debian's
cloud kernel, which has ext4 and PCI serial ports built in, and virtio as modules. The disk is virtio
and nothing else: Linux sends it a flush wherever it would ask other disks for a write through the cache
(FUA), and QEMU's NVMe probably takes such a write as an ordinary one: what was synced was missing.
"""

import glob
import gzip
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PORTS = ("published", "consumed", "kept")  # what ports 1, 2 and 3 tell
MODULES = ("virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci",
           "virtio_blk")  # in this order
FOLDER, FILE, PROGRAM = 0o040755, 0o100644, 0o100755


# --- the initramfs ---

class Archive:
    """A newc cpio archive in memory."""

    def __init__(self):
        self.parts, self.names = [], set()

    def entry(self, name, mode, data=b"", device=(0, 0)):
        if name in self.names:
            return
        if "/" in name:
            self.entry(os.path.dirname(name), FOLDER)
        self.names.add(name)
        text = name.encode() + b"\0"
        fields = (len(self.names), mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(text), 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + text
        for part in (head, data):
            self.parts.append(part + bytes(-len(part) % 4))

    def file(self, path, name):
        with open(path, "rb") as source:
            self.entry(name, PROGRAM if os.access(path, os.X_OK) else FILE, source.read())

    def tree(self, path, name):
        for folder, _, files in os.walk(path):
            for file in files:
                inside = os.path.relpath(os.path.join(folder, file), path)
                self.file(os.path.join(folder, file), os.path.join(name, inside))

    def write(self, path):
        self.entry("TRAILER!!!", 0)
        with gzip.open(path, "wb", compresslevel=1) as archive:
            archive.write(b"".join(self.parts))


def libraries(program, build):
    """The shared libraries of a program, and its loader, as the loader itself finds them."""
    env = dict(os.environ, LD_LIBRARY_PATH=os.path.join(build, ".libs"))
    told = subprocess.run(["ldd", program], env=env, capture_output=True, text=True, check=True).stdout
    for line in told.splitlines():
        path = line.split("=>")[-1].split("(")[0].strip()
        if path.startswith("/"):
            yield path
        elif "not found" in line:
            sys.exit(f"Bail out! {program} needs {line.strip()}")


def built(build, folder, name):
    """A program of the build: libtool may have put the real one aside."""
    aside = os.path.join(build, folder, ".libs", name)
    return aside if os.path.exists(aside) else os.path.join(build, folder, name)


def modules(root):
    """The modules of the disk; a kernel that has one built in has no file of it."""
    for name in MODULES:
        yield from glob.glob(f"{root}/lib/modules/*/kernel/drivers/**/{name}.ko", recursive=True)


def kernel_in(root):
    found = glob.glob(f"{root}/boot/vmlinuz-*")
    if len(found) != 1:
        sys.exit(f"Bail out! there has to be one kernel in {root}/boot")
    return found[0]


def write_initramfs(path, build, root):
    archive = Archive()
    archive.entry("dev", FOLDER)
    archive.entry("dev/console", 0o020600, device=(5, 1))
    archive.file(f"{root}/bin/busybox", "bin/busybox")
    archive.file(os.path.join(HERE, "init"), "init")
    archive.tree(os.path.join(HERE, "site"), "site")
    for number, module in enumerate(modules(root)):
        archive.file(module, f"modules/{number}.ko")
    for folder, name in (("broker", "packhorsed"), ("broker", "packhorsed-mutant"),
                         ("cli", "packhorse"), ("tests/crash", "load")):
        program = built(build, folder, name)
        archive.file(program, f"bin/{name}")
        for library in libraries(program, build):
            # the loader has to be where the program says; the rest is found by name
            place = library[1:] if "ld-linux" in library else f"lib/{os.path.basename(library)}"
            archive.file(library, place)
    archive.write(path)


# --- QEMU ---

class Guest:
    """One boot. Each has its own files for what the guest told: out/console, out/published, ..."""

    def __init__(self, kernel, initramfs, address, out, words):
        os.mkdir(out)
        self.out = out
        command = ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-m", "384", "-smp", "1",
                   "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                   "-kernel", kernel, "-initrd", initramfs,
                   "-append", "console=ttyS0 panic=-1 quiet " + words,
                   "-drive", f"file=nbd+unix:///?socket={address},format=raw,if=none,id=disk,"
                             "cache=writeback",
                   "-device", "virtio-blk-pci,drive=disk",
                   "-chardev", f"file,id=console,path={self.path('console')}",
                   "-serial", "chardev:console"]
        for name in PORTS:
            command += ["-chardev", f"file,id={name},path={self.path(name)}",
                        "-device", f"pci-serial,chardev={name}"]
        with open(self.path("qemu"), "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def path(self, name):
        return os.path.join(self.out, name)

    def lines(self, name):
        """The whole lines told so far: the power may have failed in the middle of the last."""
        try:
            with open(self.path(name), "rb") as told:
                return told.read().decode(errors="replace").replace("\r", "").split("\n")[:-1]
        except FileNotFoundError:
            return []

    def ended(self):
        return self.process.poll() is not None

    def kill(self):
        self.process.kill()
        self.process.wait()
