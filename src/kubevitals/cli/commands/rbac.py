"""Print the rights that kubevitals needs, and no others, as YAML for `kubectl apply -f -`.

No cluster is contacted. Without --features, these are the rights of `kubevitals serve`.
"""

from __future__ import annotations

from kubevitals import errors
from kubevitals.sources import factory

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from kubevitals import rbac

EPILOG = """\
With --namespace, a Role grants what lies in that namespace; nodes are left out unless --features names them.

examples:
  kubevitals rbac | kubectl apply -f -                          for the service, in the namespace kubevitals
  kubevitals rbac --namespace shop                              for a service that shows one namespace
  kubevitals rbac --source kubelet                              for `kubevitals serve --source kubelet`
  kubevitals rbac --features nodes,pods,owners,node-usage,pod-usage,auth   for `serve --auth kubernetes`
  kubevitals rbac --features viewer --service-account monitoring:grafana
  kubevitals rbac --features top,completion --group developers  for people at the command line
  kubevitals rbac --list                                        all features with their rights
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `rbac`."""
    parser.add_argument(
        "--features",
        action="append",
        metavar="NAMES",
        help="the features to grant rights for, separated by commas; --list shows them",
    )
    parser.add_argument(
        "--source",
        choices=factory.NAMES,
        help="grant the rights for this source of usage instead of those for the metrics API; prometheus: "
        "those to find a server in the cluster, which --prometheus-url does not need",
    )
    parser.add_argument("--list", action="store_true", help="list the features with the rights of each")
    parser.add_argument(
        "-n", "--namespace", metavar="NAME", help="grant rights in this namespace alone, by a Role in it"
    )
    parser.add_argument(
        "--name", metavar="NAME", help="the name of the roles and bindings (default: kubevitals)"
    )
    whom = parser.add_argument_group(
        "who gets the rights (default: the service account kubevitals:kubevitals)"
    )
    whom.add_argument("--service-account", metavar="[NAMESPACE:]NAME", help="this service account")
    whom.add_argument("--user", metavar="NAME", help="this user")
    whom.add_argument("--group", metavar="NAME", help="this group")


def run(arguments: argparse.Namespace) -> int:
    """Print the roles and return 0.

    Raises:
        errors.UsageError: a feature is unknown, or two subjects are given.
    """
    from kubevitals import rbac

    if arguments.list:
        print(rbac.describe())
        return 0
    words = [word.strip() for text in arguments.features or () for word in text.split(",")]
    features = rbac.choose(filter(None, words), namespace=arguments.namespace, source=arguments.source)
    roles = rbac.make_roles(
        features,
        subject=_subject(arguments),
        name=arguments.name,
        namespace=arguments.namespace,
    )
    print(rbac.render(roles), end="")
    return 0


def _subject(arguments: argparse.Namespace) -> rbac.Subject:
    from kubevitals import rbac

    given = [each for each in (arguments.service_account, arguments.user, arguments.group) if each]
    if len(given) > 1:
        raise errors.UsageError("only one of --service-account, --user and --group can be meant")
    if arguments.user:
        return rbac.Subject("User", arguments.user)
    if arguments.group:
        return rbac.Subject("Group", arguments.group)
    namespace, _, name = (arguments.service_account or rbac.DEFAULT_NAME).rpartition(":")
    return rbac.Subject("ServiceAccount", name, namespace or arguments.namespace or rbac.DEFAULT_NAME)
