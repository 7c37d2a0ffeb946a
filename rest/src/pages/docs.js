// Swagger UI in place of the plain list, where the CDN gave it.
"use strict";
if (window.SwaggerUIBundle) {
  document.getElementById("list").hidden = true;
  window.SwaggerUIBundle({ url: "/openapi.json", dom_id: "#swagger", deepLinking: true });
}
