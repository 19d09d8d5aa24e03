//! Writing certificates, which is done by command since their keys are encrypted.

use super::{CertificateRow, Store, StoreError, tables};

impl Store {
    /// Every certificate, by name.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn certificates(&self) -> Result<Vec<CertificateRow>, StoreError> {
        let failure = StoreError::while_doing("read the certificates");
        let mut connection = self.pool.acquire().await.map_err(&failure)?;
        tables::certificates(&mut connection).await.map_err(failure)
    }

    /// Adds a certificate, or puts it in the place of that of its name.
    ///
    /// # Errors
    /// When it has expired or the database cannot be used.
    pub async fn put_certificate(&self, row: &CertificateRow) -> Result<(), StoreError> {
        sqlx::query(
            "insert into certificates (name, chain, private_key, not_after)
             values ($1, $2, decode($3, 'hex'), $4::timestamptz)
             on conflict (name) do update set
                 chain = excluded.chain, private_key = excluded.private_key, not_after = excluded.not_after",
        )
        .bind(&row.name)
        .bind(&row.chain)
        .bind(&row.private_key)
        .bind(&row.not_after)
        .execute(&self.pool)
        .await
        .map_err(StoreError::while_doing("write the certificate"))?;
        Ok(())
    }

    /// Writes the key of a certificate that was encrypted anew, if its row is still `before`; returns whether it was.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn replace_private_key(
        &self,
        before: &CertificateRow,
        private_key: &str,
    ) -> Result<bool, StoreError> {
        sqlx::query(
            "update certificates set private_key = decode($3, 'hex')
             where name = $1 and private_key = decode($2, 'hex')",
        )
        .bind(&before.name)
        .bind(&before.private_key)
        .bind(private_key)
        .execute(&self.pool)
        .await
        .map(|done| done.rows_affected() > 0)
        .map_err(StoreError::while_doing("write the key of a certificate"))
    }

    /// The listeners that show a certificate, and the upstreams that are shown it, each as its kind and name.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn users_of_certificate(&self, certificate: &str) -> Result<Vec<String>, StoreError> {
        sqlx::query_scalar(
            "select 'listener ' || name from listeners where $1 = any(certificates)
             union all select 'upstream ' || name from upstreams where tls ->> 'client_certificate' = $1
             order by 1",
        )
        .bind(certificate)
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::while_doing("read who uses the certificate"))
    }

    /// Removes a certificate; returns whether there was one.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn remove_certificate(&self, name: &str) -> Result<bool, StoreError> {
        sqlx::query("delete from certificates where name = $1")
            .bind(name)
            .execute(&self.pool)
            .await
            .map(|done| done.rows_affected() > 0)
            .map_err(StoreError::while_doing("remove the certificate"))
    }
}
