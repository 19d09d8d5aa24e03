//! What is sent to Redis: a command, or a script that Redis may not know yet.

use redis::{
    Cmd, ErrorKind, FromRedisValue, RedisResult, ServerErrorKind, ToRedisArgs, aio::MultiplexedConnection,
};

/// A script and the name that Redis knows it by.
#[derive(Debug)]
pub(crate) struct Script {
    source: &'static str,
    hash: String,
}

impl Script {
    pub(crate) fn new(source: &'static str) -> Self {
        Self { source, hash: redis::Script::new(source).get_hash().to_owned() }
    }
}

/// A command and the key that tells where in a cluster it runs.
pub(crate) struct Command {
    key: String,
    form: Form,
}

enum Form {
    Plain(Cmd),
    Script { script: &'static Script, keys: Vec<String>, arguments: Vec<Vec<u8>> },
}

impl Command {
    /// A command on one key, which is already among its arguments.
    pub(crate) fn plain(key: String, command: Cmd) -> Self {
        Self { key, form: Form::Plain(command) }
    }

    /// A call of a script. In a cluster all keys must be in one slot.
    pub(crate) fn script(script: &'static Script, keys: Vec<String>, arguments: Arguments) -> Self {
        let key = keys.first().cloned().unwrap_or_default();
        Self { key, form: Form::Script { script, keys, arguments: arguments.0 } }
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Sends it once. It is sent a second time only when Redis says that it knows no such script, and so has run nothing.
    pub(crate) async fn send<T: FromRedisValue>(
        &self,
        connection: &mut MultiplexedConnection,
    ) -> RedisResult<T> {
        match &self.form {
            Form::Plain(command) => command.query_async(connection).await,
            Form::Script { script, .. } => {
                match self.evaluate("EVALSHA", &script.hash).query_async(connection).await {
                    Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                        self.evaluate("EVAL", script.source).query_async(connection).await
                    }
                    answer => answer,
                }
            }
        }
    }

    /// Sends it to a node that takes over its slot. `ASKING` holds for the next command of a connection, so both go together.
    pub(crate) async fn send_asking<T: FromRedisValue>(
        &self,
        connection: &mut MultiplexedConnection,
    ) -> RedisResult<T> {
        let command = match &self.form {
            Form::Plain(command) => command.clone(),
            Form::Script { script, .. } => self.evaluate("EVAL", script.source),
        };
        let mut both = redis::pipe();
        both.cmd("ASKING").ignore().add_command(command);
        let (answer,) = both.query_async(connection).await?;
        Ok(answer)
    }

    fn evaluate(&self, name: &str, script: &str) -> Cmd {
        let mut command = redis::cmd(name);
        command.arg(script);
        if let Form::Script { keys, arguments, .. } = &self.form {
            command.arg(keys.len()).arg(keys).arg(arguments);
        }
        command
    }
}

/// The arguments of a script.
#[derive(Debug, Default)]
pub(crate) struct Arguments(Vec<Vec<u8>>);

impl Arguments {
    pub(crate) fn push(&mut self, argument: impl ToRedisArgs) -> &mut Self {
        argument.write_redis_args(&mut self.0);
        self
    }
}
