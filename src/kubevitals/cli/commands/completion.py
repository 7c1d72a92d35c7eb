"""Print the script with which a shell completes commands, options and names of the cluster's objects.

Names come from the kubeconfig, and from the cluster that the line chooses so far if that answers within two
seconds. Completion never prints an error and never asks for a password.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

EPILOG = """\
bash: now                  source <(kubevitals completion bash)
      always               echo 'source <(kubevitals completion bash)' >> ~/.bashrc
zsh:  now                  autoload -Uz compinit && compinit; source <(kubevitals completion zsh)
      always               echo 'autoload -Uz compinit && compinit' >> ~/.zshrc
                           echo 'source <(kubevitals completion zsh)' >> ~/.zshrc
fish: now                  kubevitals completion fish | source
      always               mkdir -p ~/.config/fish/completions
                           kubevitals completion fish > ~/.config/fish/completions/kubevitals.fish

`kubectl vitals` is completed by kubectl's own completion (1.26 and later): it finds kubectl_complete-vitals,
which is installed beside kubevitals, in PATH.
"""

# In all three: words go to standard input, so that a --token being typed is not in the process list, and
# what comes back is taken as text. None of it is ever evaluated.
_BASH = r"""# bash completion for kubevitals; works with bash 3.2 and later, needs no bash-completion

_kubevitals() {
    local line word blank i
    local -a words
    COMPREPLY=()
    # Bash splits words at "=" and ":" too; here those that no blank parts are put together again.
    if [[ -n ${COMP_LINE-} ]]; then
        line=${COMP_LINE:0:COMP_POINT}
        for ((i = 0; i <= COMP_CWORD; i++)); do
            word=${COMP_WORDS[i]}
            blank=${line%%[![:space:]]*}
            line=${line#"$blank"}
            ((i < COMP_CWORD)) || word=$line
            line=${line#"$word"}
            if [[ -n $blank || ${#words[@]} -eq 0 ]]; then
                words[${#words[@]}]=$word
            else
                words[${#words[@]} - 1]+=$word
            fi
        done
    else
        words=("${COMP_WORDS[@]:0:COMP_CWORD+1}")
    fi
    local directive=4
    while IFS= read -r line; do
        COMPREPLY[${#COMPREPLY[@]}]=$line
    done < <(printf '%s\0' "${words[@]:1}" |
        _KUBEVITALS_SHELL=bash _KUBEVITALS_BREAKS=$COMP_WORDBREAKS command kubevitals __complete 2>/dev/null)
    if ((${#COMPREPLY[@]})); then
        i=$((${#COMPREPLY[@]} - 1))
        case ${COMPREPLY[i]} in :[0-9]) directive=${COMPREPLY[i]#:} ;; esac
        unset "COMPREPLY[i]"
    fi
    type compopt >/dev/null 2>&1 || return 0
    if ((directive & 2)); then compopt -o nospace 2>/dev/null; fi
    if ((directive & 4)); then compopt +o default 2>/dev/null; else compopt -o default 2>/dev/null; fi
    return 0
}

complete -F _kubevitals kubevitals kubectl-vitals
"""

_ZSH = r"""#compdef kubevitals kubectl-vitals
# zsh completion for kubevitals

_kubevitals() {
    local line value
    local -a typed answer values shown space
    local -i directive=4 width=0
    # Quotes are taken off, nothing is expanded.
    typed=("${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}")
    answer=("${(@f)$(print -rN -- "${typed[@]}" |
        _KUBEVITALS_SHELL=zsh command kubevitals __complete 2>/dev/null)}")
    if [[ ${answer[-1]-} == :<-> ]]; then directive=${answer[-1]#:}; fi
    answer[-1]=()
    # The value of --option=VALUE is a word of its own, with quotes of its own.
    local option=
    if [[ $PREFIX == --*=* ]]; then
        option=${PREFIX%%=*}=
        compset -P 1 '*='
    fi
    if ! (( directive & 4 )); then
        _files
        return
    fi
    for line in "${answer[@]}"; do
        value=${${line%%$'\t'*}#$option}
        values+=("$value")
        (( ${#value} > width )) && width=${#value}
    done
    for line in "${answer[@]}"; do
        value=${${line%%$'\t'*}#$option}
        if [[ $line == *$'\t'* ]]; then
            shown+=("${(r:width:)value}  -- ${line#*$'\t'}")
        else
            shown+=("$value")
        fi
    done
    (( ${#values} )) || return 1
    (( directive & 2 )) && space=(-S '')
    compadd -l -d shown "${space[@]}" -a values
}

if [[ ${funcstack[1]-} == _kubevitals ]]; then
    _kubevitals "$@"
else
    compdef _kubevitals kubevitals kubectl-vitals
fi
"""

_FISH = r"""# fish completion for kubevitals

function __kubevitals_complete
    set -l current (commandline -ct)
    test (count $current) -gt 0; or set current ''
    set -l words (commandline -opc) "$current"
    set -l answer (printf '%s\0' $words[2..-1] |
        _KUBEVITALS_SHELL=fish command kubevitals __complete 2>/dev/null)
    test (count $answer) -gt 0; or return
    if test "$answer[-1]" != ':0'
        set -e answer[-1]
        string join -- \n $answer
        return
    end
    # A file's name: fish knows those better.
    set -l option (string match -r -- '^--[a-z-]+=' "$current")
    set -l start (string replace -r -- '^--[a-z-]+=' '' "$current")
    __fish_complete_path "$start" | string replace -r -- '^' "$option"
end

for name in kubevitals kubectl-vitals
    complete -c $name -e
    complete -c $name -f -a '(__kubevitals_complete)'
end
"""

SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `completion`."""
    parser.add_argument("shell", choices=tuple(SCRIPTS), help="the shell to print the script for")


def run(arguments: argparse.Namespace) -> int:
    """Print the script."""
    sys.stdout.write(SCRIPTS[arguments.shell])
    return 0
