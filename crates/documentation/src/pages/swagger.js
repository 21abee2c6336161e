SwaggerUIBundle({
  url: "../openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  // Else the document's address goes to a validator on another host.
  validatorUrl: "none",
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
});
