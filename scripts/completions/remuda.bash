# Completion for remuda and remudactl in bash. Verbs and options are read from the command's own
# help, so that they are those of the version that is installed.

# _remuda_help COMMAND WHAT: the verbs or the options that the help of COMMAND explains.
_remuda_help()
{
    "$1" -h 2>/dev/null | awk -v what="$2" '
        what == "verbs" && /^  [a-z]+( [a-z]+)?( \[?[A-Z0-9,.]+\]?)*(  |$)/ { print $1 }
        what == "options" && /^ +-/ {
            for (i = 1; i <= 2; i++)
                if (sub(/,$/, "", $i) || $i ~ /^-/)
                    print $i
        }'
}

# _remuda_files SUFFIX...: files with one of these suffixes, and folders.
_remuda_files()
{
    local suffix

    compopt -o filenames
    mapfile -t COMPREPLY < <(compgen -d -- "$word"
        for suffix in "$@"; do compgen -f -X "!*.$suffix" -- "$word"; done)
}

# _remuda_arguments: what the verb that was typed takes next; fails if there is none yet.
_remuda_arguments()
{
    local i verb='' levels='crit error warn notice info debug'

    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -c | -b | -n | -i | --config | --count | --interval) ((i++)) ;;
        -*) ;;
        *) verb+=" ${COMP_WORDS[i]}" ;;
        esac
    done
    case $verb in
    '') return 1 ;;
    ' log') mapfile -t COMPREPLY < <(compgen -W level -- "$word") ;;
    ' log level') mapfile -t COMPREPLY < <(compgen -W "$levels" -- "$word") ;;
    ' set') mapfile -t COMPREPLY < <(compgen -W workers -- "$word") ;;
    ' purge'*)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        ;;
    ' trace'*)
        [[ $word != = && $before != = ]] || return 0 # a filter's value
        compopt -o nospace
        mapfile -t COMPREPLY < <(compgen -W \
            'host= path= method= status= client= slower= limit=' -- "$word")
        ;;
    ' connections'*)
        mapfile -t COMPREPLY < <(compgen -W 'reading waiting sending lingering idle' -- "$word")
        ;;
    esac
    return 0
}

_remuda()
{
    local command=$1 word=$2 before=$3

    COMPREPLY=()
    case ${command##*/}:$before in
    *:-c | remuda:--config)
        _remuda_files yaml yml
        ;;
    remudactl:-b)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        ;;
    remuda:-s | remuda:--signal)
        mapfile -t COMPREPLY < <(compgen -W "$(_remuda_help "$command" verbs)" -- "$word")
        ;;
    remuda:-X | remuda:--method)
        mapfile -t COMPREPLY < <(compgen -W 'GET HEAD POST PUT DELETE OPTIONS PATCH' -- "$word")
        ;;
    remuda:-H | remuda:--header | remuda:-p | remuda:--port | remuda:--workers) ;;
    *:-n | *:-i | remuda:--count | remuda:--interval) ;;
    *)
        if [[ $word == -* && ${command##*/} == remudactl && " ${COMP_WORDS[*]} " == *\ top\ * ]]; then
            mapfile -t COMPREPLY < <(compgen -W '-n -i' -- "$word")
        elif [[ $word == -* ]]; then
            mapfile -t COMPREPLY < <(compgen -W "$(_remuda_help "$command" options)" -- "$word")
        elif [[ ${command##*/} == remudactl || " ${COMP_WORDS[*]} " == *\ @(-s|--signal)\ * ]]; then
            _remuda_arguments || mapfile -t COMPREPLY < <(compgen -W "$(_remuda_help "$command" verbs)" -- "$word")
        else
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -d -- "$word"; compgen -W explain -- "$word")
        fi
        ;;
    esac
}
complete -F _remuda remuda remudactl
