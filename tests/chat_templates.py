"""Chat templates in the styles of published models, written for the tests."""

from __future__ import annotations

CHATML = """{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nBe useful.<|im_end|>\n' }}{% endif %}
{%- for message in messages %}
{{- '<|im_start|>' + message['role'] + '\n' }}
{%- if message.content is string %}{{ message.content }}
{%- else %}{% for part in message.content %}{{ part.text if part.type == 'text' else '<image>' }}{% endfor %}{% endif %}
{{- '<|im_end|>' + '\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"""

LLAMA_2 = """{%- if messages[0].role == 'system' -%}
    {%- set system = '<<SYS>>\n' + messages[0].content | trim + '\n<</SYS>>\n\n' -%}
    {%- set turns = messages[1:] -%}
{%- else -%}
    {%- set system = '' -%}
    {%- set turns = messages -%}
{%- endif -%}
{%- for turn in turns -%}
    {%- if (turn.role == 'user') != (loop.index0 % 2 == 0) -%}
        {{ raise_exception('roles have to alternate: user, assistant, user, ...') }}
    {%- endif -%}
    {%- if turn.role == 'user' -%}
        {{ bos_token + '[INST] ' + (system if loop.first else '') + turn.content | trim + ' [/INST]' }}
    {%- elif turn.role == 'assistant' -%}
        {{ ' ' + turn.content | trim + ' ' + eos_token }}
    {%- else -%}
        {{ raise_exception('unknown role: ' + turn.role) }}
    {%- endif -%}
{%- endfor -%}"""

LLAMA_3 = """{{ bos_token }}{% set found = namespace(system=none, count=0) %}
{% for message in messages %}
{% set found.count = found.count + 1 %}
{% if message['role'] == 'system' %}{% set found.system = message['content'] %}{% continue %}{% endif %}
{{ '<|start_header_id|>' ~ message['role'] ~ '<|end_header_id|>\n\n' ~ message['content'] | trim ~ '<|eot_id|>' }}
{% endfor %}
{{- '(' ~ found.count ~ ' messages' ~ (', ' ~ found.system if found.system is not none else '') ~ ')' }}
{%- if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"""

ZEPHYR = """{% for message in messages %}
{% if message['role'] == 'user' %}
{{ '<|user|>\n' + message['content'] + eos_token }}
{% elif message['role'] == 'system' %}
{{ '<|system|>\n' + message['content'] + eos_token }}
{% elif message['role'] == 'assistant' %}
{% if message.reasoning_content is defined %}{{ '<think>' + message.reasoning_content + '</think>' }}{% endif %}
{{ '<|assistant|>\n' }}{% generation %}{{ message['content'] + eos_token }}{% endgeneration %}

{% endif %}
{% if loop.last and add_generation_prompt %}
{{ '<|assistant|>' }}
{% endif %}
{% endfor %}"""

TOOLS = """{%- macro signature(tool) -%}
{{ tool.function.name }}({% for name, kind in tool.function.parameters.properties.items() %}{{ name }}: {{ kind.type }}{{ ', ' if not loop.last }}{% endfor %})
{%- endmacro -%}
{%- if tools %}You may call:
{% for tool in tools %}- {{ signature(tool) }}: {{ tool | tojson }}
{% endfor %}{% endif %}
{%- if documents %}{% for document in documents | sort(attribute='title') %}[{{ loop.index }}] {{ document['title'] | upper }}: {{ document['text'] | replace('\n', ' ') }}
{% endfor %}{% endif %}
{%- for message in messages %}{{ message.role }}: {{ message.content or '' }}
{%- for call in message.tool_calls | default([]) %}
<call>{{ call.function | tojson(indent=2) }}</call>{% endfor %}
{% endfor %}
{%- if persona is defined %}({{ persona }}){% endif %}"""

STYLES = {"chatml": CHATML, "llama-2": LLAMA_2, "llama-3": LLAMA_3, "zephyr": ZEPHYR, "tools": TOOLS}
