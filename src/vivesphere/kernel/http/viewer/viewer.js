// Renders /schema/openapi.json. Everything is set as text, never as markup: descriptions may hold what anybody wrote.

const METHODS = ["get", "post", "put", "patch", "delete"];

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== null));
  return made;
}

function resolve(schema, all) {
  return schema?.$ref ? all.components.schemas[schema.$ref.split("/").pop()] : schema;
}

// A value of the schema's shape, to begin from. `depth` ends schemas that hold themselves.
function example(given, all, depth = 0) {
  const schema = resolve(given, all) ?? {};
  if (schema.examples?.length) return schema.examples[0];
  if ("default" in schema) return schema.default;
  if (schema.enum) return schema.enum[0];
  if ("const" in schema) return schema.const;
  const choice = schema.anyOf ?? schema.oneOf;
  if (choice) return example(choice.find((each) => each.type !== "null") ?? choice[0], all, depth);
  if (depth > 4) return null;
  switch (schema.type) {
    case "object":
      return Object.fromEntries(
        Object.entries(schema.properties ?? {}).map(([name, inner]) => [name, example(inner, all, depth + 1)]),
      );
    case "array":
      return schema.items ? [example(schema.items, all, depth + 1)] : [];
    case "integer":
    case "number":
      return schema.minimum ?? 0;
    case "boolean":
      return false;
    case "string":
      return schema.format ?? "";
    default:
      return null;
  }
}

function json(value) {
  return JSON.stringify(value, null, 2);
}

function schemaOf(content) {
  return Object.values(content ?? {})[0]?.schema;
}

function parameterTable(parameters) {
  const rows = parameters.map((parameter) => {
    const field = element("input", { name: parameter.name, "aria-label": parameter.name, "data-in": parameter.in });
    return element(
      "tr",
      {},
      element("td", {}, element("code", {}, parameter.name), parameter.required ? " *" : ""),
      element("td", {}, parameter.in),
      element("td", {}, parameter.description ?? ""),
      element("td", {}, field),
    );
  });
  return element("table", {}, element("tbody", {}, ...rows));
}

function responseTable(operation, all) {
  const rows = Object.entries(operation.responses).map(([status, given]) => {
    const response = given.$ref ? all.components.responses[given.$ref.split("/").pop()] : given;
    const schema = status.startsWith("2") ? schemaOf(response.content) : null;
    return element(
      "tr",
      {},
      element("td", {}, status),
      element("td", {}, response.description, schema ? element("pre", {}, json(example(schema, all))) : null),
    );
  });
  return element("table", {}, element("tbody", {}, ...rows));
}

function sender(path, method, operation, all, parameters) {
  const schema = schemaOf(operation.requestBody?.content);
  const body = schema ? element("textarea", { "aria-label": "Body", spellcheck: "false" }) : null;
  if (body) body.value = json(example(schema, all));
  const shown = element("pre", { hidden: "" });
  const button = element("button", { type: "button" }, "Send");
  button.addEventListener("click", async () => {
    const query = new URLSearchParams();
    let address = path;
    for (const field of parameters?.querySelectorAll("input") ?? []) {
      if (field.dataset.in === "path") address = address.replace(`{${field.name}}`, encodeURIComponent(field.value));
      else if (field.value) query.set(field.name, field.value);
    }
    const token = document.getElementById("token").value.trim();
    const headers = { ...(token && { Authorization: `Bearer ${token}` }), ...(body && { "Content-Type": "application/json" }) };
    shown.hidden = false;
    try {
      const answer = await fetch(query.size ? `${address}?${query}` : address, { method, headers, body: body?.value });
      const text = await answer.text();
      shown.textContent = `${answer.status} ${answer.statusText}\n\n${pretty(text)}`;
    } catch (error) {
      shown.textContent = String(error);
    }
  });
  return [body, button, shown];
}

function pretty(text) {
  try {
    return json(JSON.parse(text));
  } catch {
    return text;
  }
}

function card(path, method, operation, all) {
  const parameters = operation.parameters?.length ? parameterTable(operation.parameters) : null;
  const inside = element("div", {});
  const made = element(
    "details",
    { class: "operation" },
    element(
      "summary",
      {},
      element("span", { class: "method" }, method.toUpperCase()),
      element("span", { class: "path" }, path),
      element("span", { class: "summary" }, operation.summary ?? ""),
    ),
    inside,
  );
  // Filled when it is first opened: a hundred forms at once would make the page slow to come.
  made.addEventListener("toggle", () => {
    if (inside.hasChildNodes()) return;
    inside.append(
      ...(operation.description ? [element("p", {}, operation.description)] : []),
      ...(parameters ? [element("h4", {}, "Parameters"), parameters] : []),
      element("h4", {}, "Try it"),
      ...sender(path, method.toUpperCase(), operation, all, parameters).filter(Boolean),
      element("h4", {}, "Answers"),
      responseTable(operation, all),
    );
  });
  made.dataset.words = `${method} ${path} ${operation.summary ?? ""} ${operation.description ?? ""}`.toLowerCase();
  return made;
}

function render(all) {
  const groups = new Map();
  for (const [path, item] of Object.entries(all.paths)) {
    for (const method of METHODS.filter((each) => item[each])) {
      const tag = item[method].tags?.[0] ?? "other";
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(card(path, method, item[method], all));
    }
  }
  document.getElementById("title").textContent = `${all.info.title} API ${all.info.version}`;
  const sections = [...groups].map(([tag, cards]) => element("section", {}, element("h2", {}, tag), ...cards));
  document.getElementById("operations").replaceChildren(element("pre", {}, all.info.description ?? ""), ...sections);
}

function filter(word) {
  for (const section of document.querySelectorAll("section")) {
    let any = false;
    for (const each of section.querySelectorAll("details.operation")) {
      each.hidden = !each.dataset.words.includes(word);
      any ||= !each.hidden;
    }
    section.hidden = !any;
  }
}

document.getElementById("filter").addEventListener("input", (event) => filter(event.target.value.trim().toLowerCase()));

try {
  render(await (await fetch("/schema/openapi.json")).json());
} catch (error) {
  document.getElementById("operations").textContent = `The document could not be loaded: ${error}`;
}
