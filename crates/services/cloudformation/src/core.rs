//! Reading and changing rows.

use std::sync::{Arc, atomic::Ordering};

use moln_kernel::{AccountId, ApiError, Context, Endpoint, Principal, Region, ids};
use moln_store::{Batch, Scan, Snapshot, Store, StoreError, key::Inverse};

use crate::{
    Stacks,
    errors::{self, refused, unread},
    limits,
    tables::{EVENTS, EventRow, NAMES, Operation, RESOURCES, ResourceRow, SECRET, STACKS, StackRow},
};

/// The type of stacks themselves, in events and in templates.
pub(crate) const STACK: &str = "AWS::CloudFormation::Stack";

/// The key of page markers; made when there is none yet.
pub(crate) fn secret(store: &Store) -> Result<[u8; 32], StoreError> {
    if let Some((secret, _)) = store.snapshot().get(SECRET.as_bytes())? {
        return secret.as_ref().try_into().map_err(|_| StoreError::Corrupt("the key of page markers".into()));
    }
    let secret = ids::secret::<32>().map_err(|error| StoreError::Io(error.message.into()))?;
    let mut batch = Batch::default();
    batch.put(SECRET, secret.to_vec());
    // Submitted before everything else: durable before the first marker is given.
    drop(store.submit(batch));
    Ok(secret)
}

/// The uid in a stack's or change set's ARN: what stands behind the last slash.
pub(crate) fn uid_of(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or_default()
}

/// Where a stack's row stands.
pub(crate) fn place(stack: &StackRow) -> [&str; 3] {
    [&stack.account, &stack.region, &stack.uid]
}

/// The stack of a name or an id; `None`: there is none. By name only one that is not deleted.
pub(crate) fn find(snapshot: &dyn Snapshot, ctx: &Context, name: &str) -> Result<Option<StackRow>, ApiError> {
    let (account, region) = (ctx.account.as_str(), ctx.region.as_str());
    if name.starts_with("arn:") {
        let stack = STACKS.get(snapshot, &[account, region, uid_of(name)])?;
        return Ok(stack.filter(|stack| stack.id == name));
    }
    match NAMES.get(snapshot, &[account, region, name])? {
        Some(uid) => STACKS.get(snapshot, &[account, region, &uid]),
        None => Ok(None),
    }
}

/// The stack of a name or an id.
pub(crate) fn get(snapshot: &dyn Snapshot, ctx: &Context, name: &str) -> Result<StackRow, ApiError> {
    find(snapshot, ctx, name)?.ok_or_else(|| errors::no_stack(name))
}

/// How many stacks a stack is nested in.
pub(crate) fn depth(service: &Stacks, stack: &StackRow) -> Result<usize, ApiError> {
    let snapshot = service.store.snapshot();
    let (mut depth, mut parent) = (0, stack.parent.clone());
    while let Some(id) = parent.filter(|_| depth < limits::NESTING) {
        depth += 1;
        parent =
            STACKS.get(&*snapshot, &[&stack.account, &stack.region, uid_of(&id)])?.and_then(|up| up.parent);
    }
    Ok(depth)
}

/// A stack's resources, by logical id.
pub(crate) fn resources(snapshot: &dyn Snapshot, uid: &str) -> Result<Vec<ResourceRow>, ApiError> {
    RESOURCES.all(snapshot, &[uid])
}

/// The context of work for a stack.
pub(crate) fn context(service: &Stacks, stack: &StackRow, operation: Option<&Operation>) -> Context {
    let account = AccountId::new(stack.account.as_str());
    let endpoint = operation.map_or_else(
        || service.endpoint.clone(),
        |operation| {
            let (scheme, authority) = &operation.endpoint;
            let scheme = if scheme == "https" { "https" } else { "http" };
            Endpoint { scheme, authority: authority.as_str().into() }
        },
    );
    Context::internal(
        account.clone(),
        Region::new(stack.region.as_str()),
        Principal::Account(account),
        Arc::new(endpoint),
        service.clock.now(),
    )
}

impl Stacks {
    /// Changes something, alone; durable once it resolves.
    pub(crate) async fn change<T: Send>(
        &self,
        change: impl FnOnce(&dyn Snapshot, &mut Batch) -> Result<T, ApiError> + Send,
    ) -> Result<T, ApiError> {
        let _alone = self.changing.lock().await;
        let mut batch = Batch::default();
        let result = change(&*self.store.snapshot(), &mut batch)?;
        if !batch.is_empty() {
            self.store.commit(batch).await.map_err(|error| refused(&error))?;
        }
        Ok(result)
    }

    /// Changes one stack's row.
    pub(crate) async fn change_stack<T: Send>(
        &self,
        ctx: &Context,
        name: &str,
        change: impl FnOnce(&mut StackRow, &mut Batch) -> Result<T, ApiError> + Send,
    ) -> Result<T, ApiError> {
        self.change(|snapshot, batch| {
            let mut stack = get(snapshot, ctx, name)?;
            let result = change(&mut stack, batch)?;
            STACKS.put(batch, &place(&stack), &stack)?;
            Ok(result)
        })
        .await
    }

    /// Writes an event; its place in the order is taken now.
    pub(crate) fn event(&self, batch: &mut Batch, uid: &str, mut event: EventRow) -> Result<(), ApiError> {
        // Events that follow one another have times that do.
        let now = self.clock.now().millis();
        let next = |last: u64| Some(now.max(last.saturating_add(1)));
        let last = self.told.fetch_update(Ordering::AcqRel, Ordering::Acquire, next).unwrap_or(now);
        event.at = now.max(last.saturating_add(1));
        if let Some(properties) = &mut event.properties
            && properties.len() > limits::ROW / 2
        {
            *properties = String::from("{}");
        }
        let stamp = self.store.stamp();
        EVENTS.put(batch, &(uid.to_owned(), Inverse(stamp)), &event).map_err(|error| unread(&error))
    }

    /// Notes that a stack came into a state.
    pub(crate) fn turn(
        &self,
        batch: &mut Batch,
        stack: &mut StackRow,
        status: &str,
        reason: Option<String>,
    ) -> Result<(), ApiError> {
        stack.status = status.into();
        stack.reason.clone_from(&reason);
        let operation = stack.operation.as_ref();
        let event = EventRow {
            id: ids::Uuid::random().to_string(),
            logical_id: stack.name.clone(),
            physical_id: stack.id.clone(),
            type_name: STACK.to_owned(),
            status: status.to_owned(),
            reason,
            token: operation.and_then(|operation| operation.token.clone()),
            operation: operation.map(|operation| operation.id.clone()),
            ..EventRow::default()
        };
        self.event(batch, &stack.uid.clone(), event)
    }

    /// A page of a list: what is on it, and the token that leads on.
    pub(crate) fn page<T>(
        &self,
        items: Vec<T>,
        scope: &[&str],
        token: Option<&str>,
        size: usize,
    ) -> Result<(Vec<T>, Option<String>), ApiError> {
        let from = match token {
            None => 0,
            Some(token) => {
                let open = self.pagination.open(scope, token).ok();
                let at =
                    open.and_then(|bytes| usize::try_from(u64::from_be_bytes(bytes.try_into().ok()?)).ok());
                at.ok_or_else(|| errors::validation("NextToken is not valid."))?
            }
        };
        let more = items.len() > from.saturating_add(size);
        let page = items.into_iter().skip(from).take(size).collect();
        let next = more.then(|| {
            let at = u64::try_from(from.saturating_add(size)).unwrap_or(u64::MAX);
            self.pagination.seal(scope, &at.to_be_bytes())
        });
        Ok((page, next))
    }

    /// A page of a stack's events, newest first.
    pub(crate) fn events(
        &self,
        uid: &str,
        token: Option<&str>,
    ) -> Result<(Vec<EventRow>, Option<String>), ApiError> {
        let scope = ["DescribeStackEvents", uid];
        let mut range = EVENTS.within(&uid.to_owned());
        if let Some(token) = token {
            let start = self.pagination.open(&scope, token);
            range.start = start.map_err(|_| errors::validation("NextToken is not valid."))?.into();
        }
        let how = Scan { limit: limits::PAGE, bytes: 512 << 10, ..Scan::default() };
        let page = EVENTS.scan(&*self.store.snapshot(), &range, how).map_err(|error| unread(&error))?;
        let next =
            page.rest.filter(|rest| !rest.is_empty()).map(|rest| self.pagination.seal(&scope, &rest.start));
        Ok((page.rows.into_iter().map(|(_, row, _)| row).collect(), next))
    }
}
