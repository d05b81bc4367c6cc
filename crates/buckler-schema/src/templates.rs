//! Path templates that belong to no document: rules of a policy that are for some paths.

use crate::router::{Route, Router};
use crate::template::Template;

/// Templates, and which of them a path belongs to.
///
/// ```
/// use buckler_schema::{Template, Templates};
/// let texts = ["/items/{id}", "/items/all", "/files/{name:path}"];
/// let templates = Templates::new(texts.iter().map(|text| Template::parse(text).unwrap()))?;
/// assert_eq!(templates.find("/items/all"), [1, 0]);
/// assert_eq!(templates.find("/files/a/b"), [2]);
/// assert_eq!(templates.find("/other"), [0_usize; 0]);
/// # Ok::<(), String>(())
/// ```
#[derive(Debug)]
pub struct Templates {
    routes: Vec<Route>,
    router: Router,
}

impl Templates {
    /// Takes them in their order.
    ///
    /// # Errors
    /// Which of them cannot be taken, and why.
    pub fn new(templates: impl IntoIterator<Item = Template>) -> Result<Self, String> {
        let routes: Vec<Route> =
            templates.into_iter().map(|template| Route { template, operations: Vec::new() }).collect();
        let router = Router::new(&routes).map_err(|(template, why)| format!("`{template}`: {why}"))?;
        Ok(Self { routes, router })
    }

    /// The places of those that a decoded path belongs to, the most specific first.
    pub fn find(&self, path: &str) -> Vec<usize> {
        self.router.candidates(&self.routes, path).into_iter().map(|found| found.at).collect()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }
}
