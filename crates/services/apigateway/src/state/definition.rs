//! What an API is made of: what a deployment freezes.

use std::{collections::BTreeMap, sync::Arc};

use moln_kernel::ApiError;
use moln_wire::Shape;

use crate::{
    model::{Api_ as Api, Authorizer, Integration, IntegrationResponse, Model, Route, RouteResponse},
    recast,
    tables::API,
};

/// Things of one kind, by id.
pub(crate) type Rows<E> = BTreeMap<String, Arc<E>>;

/// An API's parts. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Definition {
    pub(crate) api: Arc<Api>,
    pub(crate) routes: Rows<Route>,
    pub(crate) integrations: Rows<Integration>,
    pub(crate) authorizers: Rows<Authorizer>,
    pub(crate) models: Rows<Model>,
    /// By `ROUTE/ID`.
    pub(crate) route_responses: Rows<RouteResponse>,
    /// By `INTEGRATION/ID`.
    pub(crate) integration_responses: Rows<IntegrationResponse>,
}

/// A part of an API that has an id.
pub(crate) trait Entity: Shape + Clone + Send + Sync + 'static {
    /// In keys.
    const KIND: &'static str;
    /// In errors.
    const NAME: &'static str;
    /// How many an API may have.
    const MOST: usize;
    /// Where a definition has them.
    fn rows(definition: &Definition) -> &Rows<Self>;
    /// Where a definition has them.
    fn rows_mut(definition: &mut Definition) -> &mut Rows<Self>;
}

macro_rules! entities {
    ($($type:ident: $kind:literal, $name:literal, $most:ident, $rows:ident;)*) => {
        $(impl Entity for $type {
            const KIND: &'static str = $kind;
            const NAME: &'static str = $name;
            const MOST: usize = crate::limits::$most;
            fn rows(definition: &Definition) -> &Rows<Self> {
                &definition.$rows
            }
            fn rows_mut(definition: &mut Definition) -> &mut Rows<Self> {
                &mut definition.$rows
            }
        })*

        impl Definition {
            /// Takes in a row.
            pub(crate) fn load(&mut self, kind: &str, id: &str, json: &str) -> Result<(), ApiError> {
                match kind {
                    API => self.api = Arc::new(recast::parse(json)?),
                    $($kind => drop(self.$rows.insert(id.to_owned(), Arc::new(recast::parse(json)?))),)*
                    other => return Err(ApiError::internal(format!("unknown kind {other}"))),
                }
                Ok(())
            }

            /// Kind, id and JSON of everything in it.
            pub(crate) fn parts(&self) -> Vec<(&'static str, &str, String)> {
                let mut all = vec![(API, "", recast::json(&*self.api))];
                $(all.extend(self.$rows.iter().map(|(id, part)| ($kind, id.as_str(), recast::json(&**part))));)*
                all
            }
        }
    };
}

entities! {
    Route: "route", "Route", ROUTES, routes;
    Integration: "integration", "Integration", INTEGRATIONS, integrations;
    Authorizer: "authorizer", "Authorizer", AUTHORIZERS, authorizers;
    Model: "model", "Model", MODELS, models;
    RouteResponse: "routeresponse", "RouteResponse", RESPONSES, route_responses;
    IntegrationResponse: "integrationresponse", "IntegrationResponse", RESPONSES, integration_responses;
}
