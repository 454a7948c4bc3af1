"""Fixtures: servers (a shared one per worker, others for one test), a site on them, daemons."""

import os

import pytest

from harness import process
from harness.bao import Cluster, DevServer, RaftServer
from harness.daemon import Daemon
from harness.kubernetes import Cluster as KubernetesCluster, KubernetesSite
from harness.proxy import Proxy
from harness.site import Site
from harness.standin import StandIn


pytest_plugins = ["harness.hunt"]


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes minutes; part of make check-long")
    config.addinivalue_line("markers", "root: needs root, to act as other users or to make namespaces")


# Each of these files has a cluster, or several servers, for all of its tests, which are slow to make.
ON_ONE_WORKER = ("test_cluster.py", "test_cluster_failure.py", "test_tls.py")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            """What has the same runs on the same worker. (The groups of --dist loadgroup get lost with pytest 9.2.)"""
            file = nodeid.partition("::")[0]
            return file if file.endswith(ON_ONE_WORKER) else nodeid

    return Scheduling(config, log)


def pytest_collection_modifyitems(items):
    if os.getuid() != 0:
        for item in items:
            if item.get_closest_marker("root"):
                item.add_marker(pytest.mark.skip(reason="needs root"))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call" and report.failed:
        for daemon in getattr(item.funcargs.get("daemon"), "made", ()):
            report.sections.append((f"log of {daemon.log_path.name}", daemon.log[-6000:]))
    if report.when == "call":
        item.failed = report.failed
    return report


@pytest.fixture(scope="session")
def shared_server():
    process.raise_file_limit()
    server = DevServer()
    yield server
    server.close()


@pytest.fixture
def dev_server():
    server = DevServer()
    yield server
    server.close()


@pytest.fixture
def raft_server():
    server = RaftServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def shared_cluster():
    """For tests that leave its nodes as they are."""
    process.raise_file_limit()
    cluster = Cluster()
    yield cluster
    cluster.close()


@pytest.fixture
def cluster():
    cluster = Cluster()
    yield cluster
    cluster.close()


@pytest.fixture
def new_site():
    yield from process.made_and_closed(lambda server, kind=Site, **kw: kind(server, **kw))


@pytest.fixture
def site(shared_server, new_site):
    return new_site(shared_server)


@pytest.fixture
def new_kubernetes_site(shared_server, new_site):
    cluster = KubernetesCluster()
    yield lambda **kw: new_site(shared_server, kind=KubernetesSite, cluster=cluster, **kw)
    cluster.close()


@pytest.fixture
def standin():
    server = StandIn()
    yield server
    server.close()


@pytest.fixture
def proxy(site):
    """In front of the shared server."""
    p = Proxy(site.server.port)
    yield p
    p.close()


@pytest.fixture
def new_proxy():
    yield from process.made_and_closed(Proxy)


@pytest.fixture
def scratch():
    directory = process.scratch()
    yield directory
    process.remove(directory)


@pytest.fixture
def daemon(request):
    """Starts daemons: daemon(settings, ...). At the end each must stop cleanly on SIGTERM."""
    made = []

    def make(settings, **kw):
        kw.setdefault("name", request.node.name)
        made.append(Daemon(settings, **kw))
        return made[-1]

    make.made = made
    yield make
    problems = []
    for d in made:
        try:
            if d.expect_stop:
                d.stop()
        except AssertionError as e:
            problems.append(str(e))
        finally:
            d.close()
    if problems and not getattr(request.node, "failed", False):
        pytest.fail("\n".join(problems))
