"""Tools: the registry of named, typed functions, and the one path on which they are run. Owns `tool_executions`.

There is no table of the registry: it is made anew at each start from the code and the enabled plugins, and a copy on disk would
be a second truth. It comes with the first tools that exist nowhere else, the custom ones.
"""
