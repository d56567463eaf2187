"""Containers that do as the jobs of a CI matrix: each gets the source, and runs a script of its own, all at once.

They are of an image without anything, and see this machine's own programs, read-only, as with shardyard's image "host": no
registry is needed.
"""

import io, os, subprocess, sys, tarfile, threading


def archive(folder):
    """The source as each container gets it, without what runs leave."""
    def wanted(info):
        return None if {"__pycache__", ".shardyard", ".pytest_cache"} & set(info.name.split("/")) else info
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as t:
        t.add(folder, arcname=".", filter=wanted)
    return out.getvalue()


class Loop:
    def __init__(self, bench):
        self.bench, self.tag, self.volume = bench, "shardyard-%s-%d" % (bench, os.getpid()), "shardyard-%s-cache-%d" % (bench, os.getpid())
        empty, self.mounts = io.BytesIO(), []
        with tarfile.open(fileobj=empty, mode="w") as t:
            for name in ("bin", "lib", "lib32", "lib64", "libx32", "usr", "tmp", "etc"):
                info = tarfile.TarInfo(name)
                if os.path.islink("/" + name):
                    info.type, info.linkname = tarfile.SYMTYPE, os.readlink("/" + name)
                elif os.path.isdir("/" + name):
                    info.type, info.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
                    if name not in ("tmp", "etc"):
                        self.show("/" + name)
                else:
                    continue
                t.addfile(info)
        for path in ("/etc/ssl/certs", "/etc/ca-certificates", "/etc/ld.so.cache", "/etc/nsswitch.conf", "/etc/pip.conf", "/etc/alternatives",
                     "/etc/localtime", os.environ.get("PIP_FIND_LINKS", ""), os.path.realpath(sys.base_prefix)):
            if path.startswith("/") and os.path.exists(path) and not path.startswith("/usr"):
                self.show(path)
        self.env = ["--env=HOME=/tmp", "--env=PATH=/usr/local/bin:/usr/bin:/bin"]
        for name in os.environ:
            if name.startswith("PIP_") or name.lower() in ("http_proxy", "https_proxy", "no_proxy", "ssl_cert_file", "requests_ca_bundle"):
                self.env += ["--env", name]
        subprocess.run(["docker", "import", "-", self.tag], input=empty.getvalue(), check=True, stdout=subprocess.DEVNULL)

    def show(self, path):
        self.mounts += ["--volume", "%s:%s:ro" % (path, path)]

    def run(self, source, scripts, options=()):
        """What the containers print. 1 (failing tests) and 5 (a group without tests) are fine."""
        begin = "set -e; mkdir /tmp/w; cd /tmp/w; tar x; "
        jobs = [subprocess.Popen(["docker", "run", "--rm", "--interactive", "--init", "--label", self.tag, *self.mounts, *self.env, *options, self.tag, "sh", "-c", begin + script],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for script in scripts]
        outs = [b""] * len(jobs)

        def feed(k):
            outs[k] = jobs[k].communicate(source)[0]
        threads = [threading.Thread(target=feed, args=(k,)) for k in range(len(jobs))]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for job, out in zip(jobs, outs):
            if job.returncode not in (0, 1, 5):
                sys.exit("%s: a container of the loop: exit status %d\n%s" % (self.bench, job.returncode, out[-4000:].decode(errors="replace")))
        return [out.decode(errors="replace") for out in outs]

    def forget(self):
        """Removes the shared volume."""
        subprocess.run(["docker", "volume", "rm", "--force", self.volume], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def clear(self):
        """Removes what is left of containers."""
        left = subprocess.run(["docker", "ps", "--all", "--quiet", "--filter", "label=" + self.tag], stdout=subprocess.PIPE, text=True).stdout.split()
        if left:
            subprocess.run(["docker", "rm", "--force", *left], stdout=subprocess.DEVNULL)

    def remove(self):
        self.clear()
        self.forget()
        subprocess.run(["docker", "image", "rm", "--force", self.tag], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
